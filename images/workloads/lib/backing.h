/* The host memory behind slots, with a tag in every page, and what can be done to it that KVM hears of by its mmu_notifier. */
#ifndef BACKING_H
#define BACKING_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "kinds.h"
#include "random.h"
#include "visit.h"

enum backing_type {
	BACKING_SHARED = 1 << 0, /* a file in memory */
	BACKING_PRIVATE = 1 << 1, /* the same, copied when written to */
	BACKING_HOLES = 1 << 2, /* a file in memory that gets holes now and then */
	BACKING_ANONYMOUS = 1 << 3,
	BACKING_ALIKE = 1 << 4, /* anonymous, with the same in every page, to be merged */
	BACKING_HUGE = 1 << 5, /* anonymous, in huge pages */
	BACKING_HUGETLB = 1 << 6, /* a file of hugetlbfs */
};

#define SMALL_WINDOW 128 /* pages */
#define HUGE_PAGE 0x200000
#define HUGE_WINDOW (2 * HUGE_PAGE / PAGE)

struct backing {
	enum backing_type type;
	uint32_t pages; /* of the window that slots are cut from */
	uint32_t file_pages; /* more than the window's where it can be turned to others */
	uint32_t rotation; /* of the window's first page in the file */
	uint32_t first_tag, tag_step; /* of the file's pages */
	int file;
	uint8_t *window; /* there is as much room behind it, to move to */
	pid_t child; /* has a private copy of all that is private, and writes to it; 0 for none */
	pthread_mutex_t traffic; /* held while the memory is being changed */
};

/* False where the kernel has no such memory. Types are to be made once, the file descriptor and addresses stay. */
bool backing_make(struct backing *backing, enum backing_type type, uint32_t first_tag);
void backing_unmake(struct backing *backing);

/* No page of it is ever without its function, whatever is done to it. */
bool backing_callable(const struct backing *backing);
uint32_t backing_tag(const struct backing *backing, uint32_t page);
struct visit_page *backing_page(const struct backing *backing, uint32_t page);

/* What can be done to memory of this type with this kernel. */
bool backing_suits(enum backing_type type, enum kind kind);
/*
 * Do it somewhere; afterwards every page has its tag again. False if the kernel would not. The caller holds `traffic`
 * and has told guests.
 */
bool backing_change(struct backing *backing, enum kind kind, struct choices *choices);
/* Wait for a child that is left. */
void backing_settle(struct backing *backing);

#endif
