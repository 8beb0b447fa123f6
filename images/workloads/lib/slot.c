#define _GNU_SOURCE
#include "slot.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#include "workload.h"

#define ROOM 64 /* pages it moves about in; page tables are what costs most when a slot is deleted, so slots are close */
#define BURST_SECONDS 0.1
#define LIMIT_GPA 0xc0000000u /* where nothing else is */

_Atomic uint64_t slot_updates;

/* ---- what guests are told */

static uint32_t kind_of(const struct slot *slot)
{
	if (!slot->present)
		return VISIT_ABSENT;
	return slot->flags & KVM_MEM_READONLY ? VISIT_READONLY : VISIT_WRITABLE;
}

void slot_begin_change(struct slot *slot)
{
	if (slot->view)
		__atomic_fetch_add(&slot->view->begun, 1, __ATOMIC_SEQ_CST);
}

/* Each thread makes its changes first and tells of them here, so whoever comes last tells of all. */
void slot_end_change(struct slot *slot)
{
	if (!slot->view)
		return;
	pthread_mutex_lock(&slot->telling);
	slot->view->kind = kind_of(slot);
	slot->view->gpa = slot->gpa;
	slot->view->pages = slot->pages;
	slot->view->offset = slot->offset;
	slot->view->first_tag = backing_tag(slot->backing, slot->offset);
	slot->view->tag_step = slot->backing->tag_step;
	slot->view->callable = backing_callable(slot->backing);
	slot->view->set = slot->set;
	pthread_mutex_unlock(&slot->telling);
	__atomic_fetch_add(&slot->view->ended, 1, __ATOMIC_SEQ_CST);
}

/* ---- what KVM is told */

void slot_expect(const struct slot *slot, const char *change, int error, int expected)
{
	if (error != expected)
		fail("expected to %s slot %#x (%u pages in %u at %#x, flags %#x) with \"%s\", got \"%s\"", change, slot->id,
		     slot->pages, slot->parts, slot->gpa, slot->flags, strerror(expected), strerror(error));
}

static int set_part(const struct slot *slot, uint32_t part, uint32_t pages)
{
	uint32_t first = part * (slot->pages / slot->parts);
	int error = vm_set_slot(slot->vm, slot->id + part, slot->flags, slot->gpa + first * PAGE, (uint64_t)pages * PAGE,
				backing_page(slot->backing, slot->offset + first));

	slot_updates += !error;
	return error;
}

/* Up when it is created, down when it is deleted. */
int slot_set(const struct slot *slot, uint32_t pages)
{
	int error = 0;

	for (uint32_t i = 0; i < slot->parts && !error; i++)
		error = set_part(slot, pages ? i : slot->parts - 1 - i, pages / slot->parts);
	return error;
}

static void must_set(const struct slot *slot, const char *change, uint32_t pages)
{
	slot_expect(slot, change, slot_set(slot, pages), 0);
}

/* ---- changes */

/* In steps of its parts, as many as there are in it. */
static void choose_size(struct slot *slot, struct choices *choices)
{
	uint32_t most = slot->backing->pages - slot->offset;

	most = most < slot->most ? most : slot->most;
	slot->pages = slot->least + choose_below(choices, most - slot->least + 1);
	slot->pages -= slot->pages % slot->parts;
}

/* Huge pages need addresses that are alike within 2 MiB: most are, some are not. */
static uint32_t choose_gpa(const struct slot *slot, struct choices *choices)
{
	if (slot->backing->pages < HUGE_WINDOW)
		return slot->place + choose_below(choices, ROOM) * PAGE;
	if (one_in(choices, 4))
		return slot->place + choose_below(choices, HUGE_PAGE / PAGE) * PAGE;
	return slot->place + slot->offset * PAGE + choose_below(choices, 3) * HUGE_PAGE;
}

/* Half of them begin where the memory begins, which is aligned. */
static void choose_all(struct slot *slot, struct choices *choices)
{
	slot->offset = one_in(choices, 2) ? 0 : choose_below(choices, slot->backing->pages - slot->least + 1);
	choose_size(slot, choices);
	slot->gpa = choose_gpa(slot, choices);
}

void slot_delete(struct slot *slot)
{
	slot_begin_change(slot);
	must_set(slot, "delete", 0);
	slot->present = false;
	slot_end_change(slot);
}

void slot_create(struct slot *slot, struct choices *choices)
{
	slot_begin_change(slot);
	choose_all(slot, choices);
	slot->flags = (one_in(choices, 4) ? KVM_MEM_READONLY : 0) | (one_in(choices, 3) ? KVM_MEM_LOG_DIRTY_PAGES : 0);
	slot->present = true;
	must_set(slot, "create", slot->pages);
	slot_end_change(slot);
}

void slot_move(struct slot *slot, struct choices *choices)
{
	slot_begin_change(slot);
	slot->gpa = choose_gpa(slot, choices);
	must_set(slot, "move", slot->pages);
	slot_end_change(slot);
}

void slot_resize(struct slot *slot, struct choices *choices)
{
	slot_begin_change(slot);
	must_set(slot, "delete", 0);
	choose_size(slot, choices);
	must_set(slot, "create again", slot->pages);
	slot_end_change(slot);
}

void slot_toggle_dirty_log(struct slot *slot)
{
	slot->flags ^= KVM_MEM_LOG_DIRTY_PAGES;
	must_set(slot, "flag", slot->pages);
}

void slot_burst(struct slot *slot, struct choices *choices)
{
	double began = elapsed();

	slot_begin_change(slot);
	do {
		bool keep = slot->parts > 1 || one_in(choices, 2);

		must_set(slot, "delete", 0);
		if (!keep)
			choose_all(slot, choices);
		must_set(slot, "create again", slot->pages);
		if (!keep) {
			slot->gpa = choose_gpa(slot, choices);
			must_set(slot, "move", slot->pages);
		}
	} while (elapsed() - began < BURST_SECONDS);
	slot_end_change(slot);
}

/* ---- what must be refused, and leave everything as it was */

static void refuse(const struct slot *slot, const char *change, int error)
{
	slot_expect(slot, change, slot_set(slot, slot->pages), error);
}

static int set_raw(const struct slot *slot, uint64_t gpa, uint64_t size, uint64_t address)
{
	return vm_set_slot(slot->vm, slot->id, slot->flags, gpa, size, (void *)(uintptr_t)address);
}

static void refuse_addresses(const struct slot *slot)
{
	uint64_t address = (uintptr_t)backing_page(slot->backing, slot->offset);
	uint64_t size = (uint64_t)slot->pages * PAGE;

	slot_expect(slot, "halve a page of", set_raw(slot, slot->gpa, size + 0x800, address), EINVAL);
	slot_expect(slot, "place within a page", set_raw(slot, slot->gpa + 0x800, size, address), EINVAL);
	slot_expect(slot, "back from within a page", set_raw(slot, slot->gpa, size, address + 0x800), EINVAL);
	slot_expect(slot, "back by other memory", set_raw(slot, slot->gpa, size, address + PAGE), EINVAL);
	slot_expect(slot, "wrap around", set_raw(slot, 0 - size / 2, size, address), EINVAL);
}

void slot_try_wrong(struct slot *slot)
{
	struct slot other = *slot;

	if (slot->parts > 1)
		return;
	slot_expect(slot, "resize", slot_set(slot, slot->pages + 1), EINVAL);
	other.id += VISIT_SLOTS;
	refuse(&other, "overlap", EEXIST);
	other = *slot;
	other.flags ^= KVM_MEM_READONLY;
	refuse(&other, "turn over the read-only flag of", EINVAL);
	other = *slot;
	other.flags |= 1u << 20;
	refuse(&other, "set unknown flags of", EINVAL);
	other = *slot;
	other.id |= 7u << 16;
	refuse(&other, "place in an unknown address space", EINVAL);
	refuse_addresses(slot);
}

void slot_try_limit(const struct vm *vm, void *memory)
{
	int limit = ioctl(vm->fd, KVM_CHECK_EXTENSION, KVM_CAP_NR_MEMSLOTS);
	struct slot last = {.id = (uint32_t)limit - 1, .pages = 1, .parts = 1, .gpa = LIMIT_GPA};

	slot_expect(&last, "create", vm_set_slot(vm, last.id, 0, last.gpa, PAGE, memory), 0);
	slot_expect(&last, "delete", vm_set_slot(vm, last.id, 0, last.gpa, 0, memory), 0);
	slot_expect(&last, "exceed", vm_set_slot(vm, last.id + 1, 0, last.gpa, PAGE, memory), EINVAL);
	slot_updates += 2;
}
