/* Dirty logs of slots, by bitmap or by ring, and whether they have what guests wrote. */
#ifndef DIRTY_H
#define DIRTY_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "crew.h"
#include "slot.h"

#define MOST_PAGES HUGE_WINDOW /* of a slot */

enum dirty_mode {
	DIRTY_BY_GET, /* KVM_GET_DIRTY_LOG empties the log */
	DIRTY_BY_CLEAR, /* KVM_CLEAR_DIRTY_LOG does */
	DIRTY_ALL_SET, /* the same, and a new log has every page */
	DIRTY_BY_RING, /* each vCPU has a ring of pages it wrote to */
};

struct dirty_log {
	uint64_t words[MOST_PAGES / 64];
};

struct dirty_rings {
	const struct vm *vm;
	struct kvm_dirty_gfn *entries[MAX_VCPUS];
	uint32_t next[MAX_VCPUS];
	unsigned int count;
	uint32_t wanted; /* the slot whose pages are put into the log */
	struct dirty_log log;
	pthread_mutex_t collecting;
};

/* Before there are vCPUs. False where the kernel does not have that. */
bool dirty_choose(const struct vm *vm, enum dirty_mode mode);

void dirty_get(const struct slot *slot, struct dirty_log *log);
/* Have the log begin anew; `rings` is used where the mode says so. */
void dirty_empty(const struct slot *slot, enum dirty_mode mode, struct dirty_rings *rings);
bool dirty_has(const struct dirty_log *log, uint32_t page);

/* Empty the log of `slot`, let the vCPUs write, and return how many pages were found in it as they must. */
unsigned int dirty_check(struct slot *slot, enum dirty_mode mode, struct crew *crew, struct dirty_rings *rings);
/* Clear part of a log: what is not cleared must stay. */
void dirty_clear_some(const struct slot *slot, struct choices *choices);
/* What a log begins with where all is set. */
void dirty_check_all_set(const struct slot *slot);

/* How often guests wrote to each page, by the slot's own words. */
void dirty_sums(const struct slot *slot, uint32_t *sums);
/* Pages whose sums differ must be in the log; returns how many there are. */
unsigned int dirty_compare(const struct slot *slot, const struct dirty_log *log, const uint32_t *before);

void rings_open(struct dirty_rings *rings, const struct vm *vm, const struct crew *crew);
void rings_close(struct dirty_rings *rings);
/* Take all entries, and give them back to KVM. */
void rings_collect(struct dirty_rings *rings);
/* The same, and from now on log what is written to `slot`. */
void rings_restart(struct dirty_rings *rings, uint32_t slot);

#endif
