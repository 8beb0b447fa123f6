#define _GNU_SOURCE
#include "backing.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mman.h>
#include <linux/falloc.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host.h"
#include "workload.h"

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

#define ANONYMOUS (BACKING_ANONYMOUS | BACKING_ALIKE | BACKING_HUGE)
#define PRIVATE (ANONYMOUS | BACKING_PRIVATE)
#define LOSING (BACKING_HOLES | BACKING_ANONYMOUS | BACKING_HUGE | BACKING_HUGETLB) /* pages may come back as zeros */
#define SMALL_PAGES (BACKING_SHARED | BACKING_PRIVATE | BACKING_HOLES | BACKING_ANONYMOUS | BACKING_ALIKE)
#define ALL (SMALL_PAGES | BACKING_HUGE | BACKING_HUGETLB)

#define EXTRA_FILE_PAGES 32
#define SLOW_PAGES 8 /* that are paged out at a time */

/* A stretch of the window. */
struct range {
	uint32_t first, pages;
};

static void must_work(bool worked, const char *change)
{
	if (!worked)
		fail("cannot %s the memory behind a slot: %m", change);
}

static uint8_t *at(const struct backing *backing, uint32_t page)
{
	return backing->window + (size_t)page * PAGE;
}

static size_t size(const struct backing *backing)
{
	return (size_t)backing->pages * PAGE;
}

struct visit_page *backing_page(const struct backing *backing, uint32_t page)
{
	return (void *)at(backing, page);
}

uint32_t backing_tag(const struct backing *backing, uint32_t page)
{
	return backing->first_tag + (backing->rotation + page) * backing->tag_step;
}

bool backing_callable(const struct backing *backing)
{
	return !(backing->type & LOSING);
}

/* ---- making it */

/* The words are left as they are. */
static void tag_page(struct visit_page *page, uint32_t tag)
{
	static const uint8_t function[] = {0xb8, 0, 0, 0, 0, 0xc3}; /* movl $tag, %eax; ret */

	page->tag = tag;
	memcpy(page->function, function, sizeof(function));
	memcpy(page->function + 1, &tag, sizeof(tag));
}

static void tag_pages(const struct backing *backing, struct range range)
{
	for (uint32_t i = range.first; i < range.first + range.pages; i++)
		tag_page(backing_page(backing, i), backing_tag(backing, i));
}

/* Keep addresses from being given to others. */
static void *reserve(void *where, size_t bytes)
{
	void *memory = mmap(where, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | (where ? MAP_FIXED : 0),
			    -1, 0);

	must_work(memory != MAP_FAILED, "reserve");
	return memory;
}

static uint8_t *huge_aligned(uint8_t *memory)
{
	return (uint8_t *)(((uintptr_t)memory + HUGE_PAGE - 1) & -(uintptr_t)HUGE_PAGE);
}

/* The window from page `first` on. */
static bool map_from(struct backing *backing, uint32_t first)
{
	int flags = (backing->type & PRIVATE ? MAP_PRIVATE : MAP_SHARED) | MAP_FIXED;

	if (backing->file < 0)
		flags |= MAP_ANONYMOUS;
	return mmap(at(backing, first), size(backing) - (size_t)first * PAGE, PROT_READ | PROT_WRITE, flags, backing->file,
		    (off_t)(backing->rotation + first) * PAGE) == at(backing, first);
}

static void tag_file(const struct backing *backing)
{
	struct visit_page content = {0};

	for (uint32_t i = 0; i < backing->file_pages; i++) {
		tag_page(&content, backing->first_tag + i * backing->tag_step);
		must_work(pwrite(backing->file, &content, sizeof(content), (off_t)i * PAGE) == sizeof(content), "write");
	}
}

static bool make_file(struct backing *backing)
{
	bool huge = backing->type == BACKING_HUGETLB;

	backing->file_pages = backing->pages + (huge ? 0 : EXTRA_FILE_PAGES);
	backing->file = memfd_create("slot", MFD_CLOEXEC | (huge ? MFD_HUGETLB : 0));
	if (backing->file < 0 && huge)
		return false;
	must_work(backing->file >= 0 && !ftruncate(backing->file, (off_t)backing->file_pages * PAGE), "make");
	if (!huge)
		tag_file(backing);
	return true;
}

static void advise_once(struct backing *backing)
{
	madvise(backing->window, size(backing), backing->type == BACKING_HUGE ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
	if (backing->type == BACKING_ALIKE)
		madvise(backing->window, size(backing), MADV_MERGEABLE);
}

bool backing_make(struct backing *backing, enum backing_type type, uint32_t first_tag)
{
	*backing = (struct backing){
		.type = type,
		.pages = type & (BACKING_HUGE | BACKING_HUGETLB) ? HUGE_WINDOW : SMALL_WINDOW,
		.first_tag = first_tag,
		.tag_step = type != BACKING_ALIKE,
		.file = -1,
		.traffic = PTHREAD_MUTEX_INITIALIZER,
	};
	if (type == BACKING_HUGETLB && !host_reserve_huge(HUGE_WINDOW * PAGE / HUGE_PAGE))
		return false;
	if (!(type & ANONYMOUS) && !make_file(backing))
		return false;
	backing->window = huge_aligned(reserve(NULL, 2 * size(backing) + HUGE_PAGE));
	if (!map_from(backing, 0))
		return false;
	advise_once(backing);
	if (backing->type & (ANONYMOUS | BACKING_HUGETLB))
		tag_pages(backing, (struct range){0, backing->pages});
	return true;
}

void backing_unmake(struct backing *backing)
{
	backing_settle(backing);
	must_work(!munmap(backing->window, 2 * size(backing)), "unmap");
	if (backing->file >= 0)
		must_work(!close(backing->file), "close");
}

/* ---- what is done to it */

static struct range any_range(const struct backing *backing, struct choices *choices)
{
	uint32_t step = backing->type == BACKING_HUGETLB ? HUGE_PAGE / PAGE : 1;
	uint32_t steps = backing->pages / step;
	uint32_t first = choose_below(choices, steps);

	return (struct range){first * step, (1 + choose_below(choices, steps - first)) * step};
}

static struct range few_pages(const struct backing *backing, struct choices *choices)
{
	return (struct range){choose_below(choices, backing->pages - SLOW_PAGES), SLOW_PAGES};
}

static bool advise(const struct backing *backing, struct range range, int advice)
{
	return !madvise(at(backing, range.first), (size_t)range.pages * PAGE, advice);
}

/* Advice by which pages may be lost, or that may be refused. */
static bool advise_and_tag(struct backing *backing, struct range range, int advice)
{
	if (!advise(backing, range, advice))
		return false;
	if (backing->type & LOSING)
		tag_pages(backing, range);
	return true;
}

static bool drop_pages(struct backing *backing, struct choices *choices)
{
	return advise_and_tag(backing, any_range(backing, choices), MADV_DONTNEED);
}

static bool free_pages(struct backing *backing, struct choices *choices)
{
	return advise_and_tag(backing, any_range(backing, choices), MADV_FREE);
}

static bool remove_pages(struct backing *backing, struct choices *choices)
{
	return advise_and_tag(backing, any_range(backing, choices), MADV_REMOVE);
}

static bool cool(struct backing *backing, struct choices *choices)
{
	return advise(backing, any_range(backing, choices), MADV_COLD);
}

static bool page_out(struct backing *backing, struct choices *choices)
{
	return advise(backing, few_pages(backing, choices), MADV_PAGEOUT);
}

static bool populate(struct backing *backing, struct choices *choices)
{
	return advise(backing, few_pages(backing, choices), one_in(choices, 2) ? MADV_POPULATE_WRITE : MADV_POPULATE_READ);
}

static struct range all_of(const struct backing *backing)
{
	return (struct range){0, backing->pages};
}

static bool allow_huge(struct backing *backing, struct choices *choices)
{
	(void)choices;
	return advise(backing, all_of(backing), MADV_HUGEPAGE);
}

static bool forbid_huge(struct backing *backing, struct choices *choices)
{
	struct range range = any_range(backing, choices);

	return advise(backing, range, MADV_NOHUGEPAGE) && advise(backing, range, MADV_HUGEPAGE);
}

static bool collapse(struct backing *backing, struct choices *choices)
{
	(void)choices;
	return advise(backing, all_of(backing), MADV_COLLAPSE);
}

static bool merge(struct backing *backing, struct choices *choices)
{
	(void)choices;
	return advise(backing, all_of(backing), MADV_UNMERGEABLE) && advise(backing, all_of(backing), MADV_MERGEABLE);
}

static bool lock(struct backing *backing, struct choices *choices)
{
	struct range range = any_range(backing, choices);
	size_t bytes = (size_t)range.pages * PAGE;

	return !mlock(at(backing, range.first), bytes) && !munlock(at(backing, range.first), bytes);
}

static bool punch_hole(struct backing *backing, struct choices *choices)
{
	struct range range = any_range(backing, choices);

	if (fallocate(backing->file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		      (off_t)(backing->rotation + range.first) * PAGE, (off_t)range.pages * PAGE))
		return false;
	tag_pages(backing, range);
	return true;
}

static bool protect(struct backing *backing, struct choices *choices)
{
	struct range range = any_range(backing, choices);
	size_t bytes = (size_t)range.pages * PAGE;
	int protection = one_in(choices, 2) ? PROT_READ : PROT_NONE;

	return !mprotect(at(backing, range.first), bytes, protection) &&
	       !mprotect(at(backing, range.first), bytes, PROT_READ | PROT_WRITE);
}

/*
 * No thread maps anything but at addresses of its own while windows are gone for a moment. Where the window is in several
 * mappings it can't be moved, but what it would have been moved to is unmapped by then.
 */
static bool move_away_and_back(struct backing *backing, struct choices *choices)
{
	const int flags = MREMAP_MAYMOVE | MREMAP_FIXED;
	size_t bytes = size(backing);
	uint8_t *away = backing->window + bytes;
	bool moved = mremap(backing->window, bytes, bytes, flags, away) == away;

	(void)choices;
	if (moved)
		must_work(mremap(away, bytes, bytes, flags, backing->window) == backing->window, "move back");
	reserve(away, bytes);
	return moved;
}

static bool shrink_and_grow(struct backing *backing, struct choices *choices)
{
	uint32_t kept = 1 + choose_below(choices, backing->pages - 1);
	size_t bytes = (size_t)kept * PAGE;

	must_work(mremap(backing->window, size(backing), bytes, 0) == backing->window, "shrink");
	if (mremap(backing->window, bytes, size(backing), 0) != backing->window)
		must_work(map_from(backing, kept), "map the rest of");
	if (backing->type & LOSING)
		tag_pages(backing, (struct range){kept, backing->pages - kept});
	return true;
}

/* Other pages of the file, with other tags, at the same address. */
static bool map_others(struct backing *backing, struct choices *choices)
{
	if (one_in(choices, 2))
		must_work(!munmap(backing->window, size(backing)), "unmap");
	backing->rotation = choose_below(choices, backing->file_pages - backing->pages + 1);
	must_work(map_from(backing, 0), "map");
	tag_pages(backing, (struct range){0, backing->type == BACKING_HOLES ? backing->pages : 0});
	return true;
}

static pid_t fork_child(void)
{
	pid_t child = fork();

	must_work(child >= 0, "fork a process with");
	return child;
}

/* Everything private is write-protected, and copied when it is written to. */
static bool fork_a_child(struct backing *backing, struct choices *choices)
{
	pid_t child = fork_child();

	(void)backing;
	(void)choices;
	if (child == 0)
		_exit(0);
	must_work(waitpid(child, NULL, 0) == child, "wait for a child with");
	return true;
}

/* What it writes is in its own copies, and nobody else may see it. */
static _Noreturn void write_all(const struct backing *backing)
{
	for (uint32_t i = 0; i < backing->pages; i++) {
		tag_page(backing_page(backing, i), 0);
		if (i % 16 == 0)
			usleep(2000);
	}
	for (;;)
		pause();
}

static bool leave_a_child(struct backing *backing, struct choices *choices)
{
	(void)choices;
	backing_settle(backing);
	backing->child = fork_child();
	if (backing->child == 0)
		write_all(backing);
	return true;
}

void backing_settle(struct backing *backing)
{
	if (backing->child <= 0)
		return;
	must_work(!kill(backing->child, SIGKILL), "end a child with");
	must_work(waitpid(backing->child, NULL, 0) == backing->child, "wait for a child with");
	backing->child = 0;
}

static const struct {
	bool (*change)(struct backing *, struct choices *);
	unsigned int types; /* of memory that it can be done to */
	bool may_fail; /* it is a request */
} changes[KINDS_COUNT] = {
	[MEMORY_DONTNEED] = {drop_pages, ALL & ~BACKING_ALIKE, false},
	[MEMORY_PROTECT] = {protect, ALL & ~BACKING_HUGETLB, false},
	[MEMORY_MOVE] = {move_away_and_back, ALL & ~BACKING_HUGETLB, true},
	[MEMORY_RESIZE] = {shrink_and_grow, ALL & ~(BACKING_HUGETLB | BACKING_ALIKE), false},
	[MEMORY_REPLACE] = {map_others, BACKING_SHARED | BACKING_PRIVATE | BACKING_HOLES, false},
	[MEMORY_FORK] = {fork_a_child, ALL, false},
	[MEMORY_COPY_ON_WRITE] = {leave_a_child, PRIVATE, false},
	[MEMORY_FREE] = {free_pages, BACKING_ANONYMOUS | BACKING_HUGE, false},
	[MEMORY_COLD] = {cool, ALL & ~BACKING_HUGETLB, true},
	[MEMORY_PAGEOUT] = {page_out, SMALL_PAGES | BACKING_HUGE, true},
	[MEMORY_REMOVE] = {remove_pages, BACKING_HOLES | BACKING_HUGETLB, false},
	[MEMORY_PUNCH_HOLE] = {punch_hole, BACKING_HOLES | BACKING_HUGETLB, false},
	[MEMORY_POPULATE] = {populate, ALL & ~BACKING_HUGETLB, true},
	[MEMORY_HUGEPAGE] = {allow_huge, BACKING_HUGE, true},
	[MEMORY_NOHUGEPAGE] = {forbid_huge, BACKING_HUGE, true},
	[MEMORY_COLLAPSE] = {collapse, BACKING_HUGE, true},
	[MEMORY_HUGETLB] = {drop_pages, BACKING_HUGETLB, false},
	[MEMORY_MERGE] = {merge, BACKING_ALIKE | BACKING_ANONYMOUS, true},
	[MEMORY_LOCK] = {lock, ALL, true},
};

bool backing_suits(enum backing_type type, enum kind kind)
{
	return changes[kind].types & type;
}

bool backing_change(struct backing *backing, enum kind kind, struct choices *choices)
{
	bool done = changes[kind].change(backing, choices);

	if (!done && !changes[kind].may_fail)
		fail("expected %s to be possible with the memory behind a slot, got: %m", kind_names[kind]);
	return done;
}
