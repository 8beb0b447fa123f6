/* Kinds of operations on memory slots and on the memory behind them; each has a metric of its name. */
#ifndef KINDS_H
#define KINDS_H

#define KINDS(KIND)                                                                                                       \
	KIND(SLOT_CREATE, "slot_create")                                                                                  \
	KIND(SLOT_DELETE, "slot_delete")                                                                                  \
	KIND(SLOT_MOVE, "slot_move")                                                                                      \
	KIND(SLOT_RESIZE, "slot_resize")                                                                                  \
	KIND(SLOT_FLAG, "slot_flag")                                                                                      \
	KIND(SLOT_BURST, "slot_burst")                                                                                    \
	KIND(SLOT_REFUSED, "slot_refused")                                                                                \
	KIND(SLOT_LIMIT, "slot_limit")                                                                                    \
	KIND(SLOT_MANY, "slot_many")                                                                                      \
	KIND(SLOT_ALIAS, "slot_alias")                                                                                    \
	KIND(SLOT_SMM, "slot_smm")                                                                                        \
	KIND(SLOT_SPARE, "slot_spare")                                                                                    \
	KIND(SLOT_WITHOUT_VCPUS, "slot_without_vcpus")                                                                    \
	KIND(DIRTY_LOG, "dirty_log")                                                                                      \
	KIND(DIRTY_CLEAR_SOME, "dirty_clear_some")                                                                        \
	KIND(DIRTY_INITIALLY_SET, "dirty_initially_set")                                                                  \
	KIND(DIRTY_RING, "dirty_ring")                                                                                    \
	KIND(DIRTY_SMM, "dirty_smm")                                                                                      \
	KIND(DIRTY_WITHOUT_VCPUS, "dirty_without_vcpus")                                                                  \
	KIND(HUGE_SPLIT, "huge_split")                                                                                    \
	KIND(HUGE_COLLAPSE, "huge_collapse")                                                                              \
	KIND(MEMORY_DONTNEED, "memory_dontneed")                                                                          \
	KIND(MEMORY_PROTECT, "memory_protect")                                                                            \
	KIND(MEMORY_MOVE, "memory_move")                                                                                  \
	KIND(MEMORY_RESIZE, "memory_resize")                                                                              \
	KIND(MEMORY_REPLACE, "memory_replace")                                                                            \
	KIND(MEMORY_FORK, "memory_fork")                                                                                  \
	KIND(MEMORY_COPY_ON_WRITE, "memory_copy_on_write")                                                                \
	KIND(MEMORY_FREE, "memory_free")                                                                                  \
	KIND(MEMORY_COLD, "memory_cold")                                                                                  \
	KIND(MEMORY_PAGEOUT, "memory_pageout")                                                                            \
	KIND(MEMORY_REMOVE, "memory_remove")                                                                              \
	KIND(MEMORY_PUNCH_HOLE, "memory_punch_hole")                                                                      \
	KIND(MEMORY_POPULATE, "memory_populate")                                                                          \
	KIND(MEMORY_HUGEPAGE, "memory_hugepage")                                                                          \
	KIND(MEMORY_NOHUGEPAGE, "memory_nohugepage")                                                                      \
	KIND(MEMORY_COLLAPSE, "memory_collapse")                                                                          \
	KIND(MEMORY_HUGETLB, "memory_hugetlb")                                                                            \
	KIND(MEMORY_MERGE, "memory_merge")                                                                                \
	KIND(MEMORY_LOCK, "memory_lock")

#define KIND_NUMBER(kind, name) kind,
enum kind { KINDS(KIND_NUMBER) KINDS_COUNT };

extern const char *const kind_names[KINDS_COUNT];

#endif
