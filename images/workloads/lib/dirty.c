#define _GNU_SOURCE
#include "dirty.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "workload.h"

#define RING_ENTRIES 256 /* the least that KVM takes: they are to get full */
#define RING_SIZE (RING_ENTRIES * sizeof(struct kvm_dirty_gfn))

bool dirty_choose(const struct vm *vm, enum dirty_mode mode)
{
	static const struct kvm_enable_cap caps[] = {
		[DIRTY_BY_CLEAR] = {.cap = KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2, .args = {KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE}},
		[DIRTY_ALL_SET] = {.cap = KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2,
				   .args = {KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE | KVM_DIRTY_LOG_INITIALLY_SET}},
		[DIRTY_BY_RING] = {.cap = KVM_CAP_DIRTY_LOG_RING, .args = {RING_SIZE}},
	};

	return mode == DIRTY_BY_GET || !ioctl(vm->fd, KVM_ENABLE_CAP, &caps[mode]);
}

bool dirty_has(const struct dirty_log *log, uint32_t page)
{
	return log->words[page / 64] >> page % 64 & 1;
}

static void put(struct dirty_log *log, uint32_t page)
{
	log->words[page / 64] |= 1ull << page % 64;
}

/* ---- bitmaps */

static uint32_t part_pages(const struct slot *slot)
{
	return slot->pages / slot->parts;
}

static void get_part(const struct slot *slot, uint32_t part, struct dirty_log *log)
{
	struct kvm_dirty_log request = {.slot = slot->id + part, .dirty_bitmap = log};

	memset(log, 0, sizeof(*log));
	slot_expect(slot, "get the dirty log of", ioctl(slot->vm->fd, KVM_GET_DIRTY_LOG, &request) ? errno : 0, 0);
	for (uint32_t page = part_pages(slot); page < MOST_PAGES; page++)
		if (dirty_has(log, page))
			fail("expected a dirty log of %u pages, got page %u dirty", part_pages(slot), page);
}

void dirty_get(const struct slot *slot, struct dirty_log *log)
{
	struct dirty_log part;

	if (slot->parts == 1)
		return get_part(slot, 0, log);
	memset(log, 0, sizeof(*log));
	for (uint32_t i = 0; i < slot->parts; i++) {
		get_part(slot, i, &part);
		for (uint32_t page = 0; page < part_pages(slot); page++)
			if (dirty_has(&part, page))
				put(log, i * part_pages(slot) + page);
	}
}

static void clear(const struct slot *slot, uint32_t part, uint32_t first, uint32_t pages, const uint64_t *words)
{
	struct kvm_clear_dirty_log request = {
		.slot = slot->id + part, .first_page = first, .num_pages = pages, .dirty_bitmap = (void *)words,
	};

	slot_expect(slot, "clear the dirty log of", ioctl(slot->vm->fd, KVM_CLEAR_DIRTY_LOG, &request) ? errno : 0, 0);
}

static void clear_all(const struct slot *slot)
{
	struct dirty_log all;

	memset(&all, 0xff, sizeof(all));
	for (uint32_t i = 0; i < slot->parts; i++)
		clear(slot, i, 0, part_pages(slot), all.words);
}

/* From a multiple of 64 on, to the end or another one. */
void dirty_clear_some(const struct slot *slot, struct choices *choices)
{
	uint32_t first = choose_below(choices, (slot->pages + 63) / 64) * 64;
	uint32_t pages = one_in(choices, 2) || slot->pages - first < 64 ? slot->pages - first : 64;
	struct dirty_log before, after, cleared;

	if (slot->parts > 1)
		return;
	for (uint32_t i = 0; i < MOST_PAGES / 64; i++)
		cleared.words[i] = choose(choices);
	dirty_get(slot, &before);
	clear(slot, 0, first, pages, cleared.words);
	dirty_get(slot, &after);
	for (uint32_t page = 0; page < slot->pages; page++) {
		bool kept = page < first || page >= first + pages || !dirty_has(&cleared, page - first);

		if (kept && dirty_has(&before, page) && !dirty_has(&after, page))
			fail("expected page %u of slot %#x to stay in the dirty log when others were cleared, got it clean", page,
			     slot->id);
	}
}

void dirty_check_all_set(const struct slot *slot)
{
	struct dirty_log log;

	dirty_get(slot, &log);
	for (uint32_t page = 0; page < slot->pages; page++)
		if (!dirty_has(&log, page))
			fail("expected a new dirty log to have every page of slot %#x, got page %u clean", slot->id, page);
}

/* ---- what guests wrote */

void dirty_sums(const struct slot *slot, uint32_t *sums)
{
	for (uint32_t page = 0; page < slot->pages; page++) {
		const struct visit_page *content = backing_page(slot->backing, slot->offset + page);

		sums[page] = 0;
		for (int i = 0; i < MAX_VCPUS; i++)
			sums[page] += *(volatile const uint32_t *)&content->words[slot->set][i];
	}
}

unsigned int dirty_compare(const struct slot *slot, const struct dirty_log *log, const uint32_t *before)
{
	uint32_t after[MOST_PAGES];
	unsigned int found = 0;

	dirty_sums(slot, after);
	for (uint32_t page = 0; page < slot->pages; page++) {
		if (before[page] == after[page])
			continue;
		if (!dirty_has(log, page))
			fail("expected page %u of slot %#x (%u pages at %#x) in the dirty log, as a guest wrote to it, got it "
			     "clean",
			     page, slot->id, slot->pages, slot->gpa);
		found++;
	}
	return found;
}

/* As vCPUs do not work when it is called, none is between making a page writable and logging it. */
static void fetch(const struct slot *slot, enum dirty_mode mode, struct dirty_rings *rings, struct dirty_log *log)
{
	if (mode != DIRTY_BY_RING)
		return dirty_get(slot, log);
	rings_collect(rings);
	*log = rings->log;
}

void dirty_empty(const struct slot *slot, enum dirty_mode mode, struct dirty_rings *rings)
{
	struct dirty_log log;

	if (mode == DIRTY_BY_RING)
		return rings_restart(rings, slot->id);
	dirty_get(slot, &log);
	if (mode != DIRTY_BY_GET)
		clear_all(slot);
}

/*
 * KVM takes neighbouring entries of a ring back together, and if one of them is past the slot's end, none of their pages is
 * logged any more. Entries of a longer slot that had this number before are such, so they are taken back by themselves;
 * turning the log off and on has every page logged again.
 */
static void forget_former(struct slot *slot, struct dirty_rings *rings, struct crew *crew)
{
	rings_collect(rings);
	slot_toggle_dirty_log(slot);
	slot_toggle_dirty_log(slot);
	crew_work(crew, 1);
}

unsigned int dirty_check(struct slot *slot, enum dirty_mode mode, struct crew *crew, struct dirty_rings *rings)
{
	uint32_t before[MOST_PAGES];
	struct dirty_log log;
	unsigned int found;

	if (mode == DIRTY_BY_RING)
		forget_former(slot, rings, crew);
	dirty_empty(slot, mode, rings);
	dirty_sums(slot, before);
	crew_work(crew, 2);
	crew_pause(crew);
	fetch(slot, mode, rings, &log);
	found = dirty_compare(slot, &log, before);
	crew_resume(crew);
	return found;
}

/* ---- rings */

void rings_open(struct dirty_rings *rings, const struct vm *vm, const struct crew *crew)
{
	*rings = (struct dirty_rings){.vm = vm, .count = crew->count, .collecting = PTHREAD_MUTEX_INITIALIZER};
	for (unsigned int i = 0; i < rings->count; i++) {
		rings->entries[i] = mmap(NULL, RING_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, crew->runners[i].vcpu.fd,
					 KVM_DIRTY_LOG_PAGE_OFFSET * PAGE);
		if (rings->entries[i] == MAP_FAILED)
			fail("cannot map a dirty ring: %m");
	}
}

void rings_close(struct dirty_rings *rings)
{
	for (unsigned int i = 0; i < rings->count; i++)
		unmap(rings->entries[i], RING_SIZE);
}

static unsigned int collect(struct dirty_rings *rings, unsigned int vcpu)
{
	unsigned int taken = 0;

	for (;; taken++) {
		struct kvm_dirty_gfn *entry = &rings->entries[vcpu][rings->next[vcpu] % RING_ENTRIES];

		if (__atomic_load_n(&entry->flags, __ATOMIC_ACQUIRE) != KVM_DIRTY_GFN_F_DIRTY)
			return taken;
		if (entry->slot == rings->wanted && entry->offset < MOST_PAGES)
			put(&rings->log, (uint32_t)entry->offset);
		__atomic_store_n(&entry->flags, KVM_DIRTY_GFN_F_RESET, __ATOMIC_RELEASE);
		rings->next[vcpu]++;
	}
}

static void collect_all(struct dirty_rings *rings)
{
	unsigned int taken = 0;
	int reset;

	for (unsigned int i = 0; i < rings->count; i++)
		taken += collect(rings, i);
	reset = ioctl(rings->vm->fd, KVM_RESET_DIRTY_RINGS, 0);
	if (reset != (int)taken)
		fail("expected KVM to take %u entries of dirty rings back, got %d", taken, reset);
}

void rings_collect(struct dirty_rings *rings)
{
	pthread_mutex_lock(&rings->collecting);
	collect_all(rings);
	pthread_mutex_unlock(&rings->collecting);
}

void rings_restart(struct dirty_rings *rings, uint32_t slot)
{
	pthread_mutex_lock(&rings->collecting);
	collect_all(rings);
	rings->wanted = slot;
	memset(&rings->log, 0, sizeof(rings->log));
	pthread_mutex_unlock(&rings->collecting);
}
