/* A memory slot that guests visit: what it is, how it is changed, and how guests are told. */
#ifndef SLOT_H
#define SLOT_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "backing.h"
#include "random.h"
#include "visit.h"
#include "vm.h"

struct slot {
	const struct vm *vm; /* one whose vm_set_slot() takes one address space at a time */
	uint32_t id; /* for KVM; the address space is in the high half */
	uint32_t parts; /* for KVM it is as many slots, of equal size, one after the other */
	uint32_t flags;
	uint32_t gpa;
	uint32_t pages;
	uint32_t offset; /* of its first page in the memory behind it */
	bool present;
	uint32_t least, most; /* pages */
	uint32_t place; /* the lowest address it can have */
	uint32_t index; /* in the guests' view */
	enum visit_set set;
	struct backing *backing;
	struct visit_slot *view; /* what guests are told; NULL if they know nothing of it */
	pthread_mutex_t telling; /* held while the view is written */
};

extern _Atomic uint64_t slot_updates; /* KVM_SET_USER_MEMORY_REGION that succeeded */

/* To be called around each change of a slot or of the memory behind it. */
void slot_begin_change(struct slot *slot);
void slot_end_change(struct slot *slot);

/* For what must give `error`: anything else ends the program. */
void slot_expect(const struct slot *slot, const char *change, int error, int expected);

/* Set it as it is described, with `pages` pages; 0 deletes it. Guests are not told. Returns 0 or the errno. */
int slot_set(const struct slot *slot, uint32_t pages);

/* Each with the guests told. */
void slot_delete(struct slot *slot);
void slot_create(struct slot *slot, struct choices *choices); /* somewhere, of some size, with some flags */
void slot_move(struct slot *slot, struct choices *choices);
void slot_resize(struct slot *slot, struct choices *choices); /* as users do: delete it, create it again */
void slot_toggle_dirty_log(struct slot *slot); /* changes nothing for guests */
void slot_burst(struct slot *slot, struct choices *choices); /* many changes, one right after the other */
/* Ask for what KVM must refuse. */
void slot_try_wrong(struct slot *slot);
void slot_try_limit(const struct vm *vm, void *memory);

#endif
