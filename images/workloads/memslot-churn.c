/*
 * memslot-churn: memory slots created, deleted, moved, flagged and dirty-logged under running vCPUs.
 *
 * One thread changes slots, a second one changes the host memory behind them (which KVM hears of by its mmu_notifier), and
 * the vCPUs read, write and execute there all the time. Every page has a tag of its own, and the host tells the guests
 * what each slot is and when that is about to change (struct visit_slot), so that a vCPU that gets at memory it must not
 * see any more, or not yet, notices. Dirty logs are checked against what the guests wrote.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/random.h"
#include "lib/visit.h"
#include "lib/vm.h"
#include "lib/workload.h"

#define FILE_PAGES 160 /* behind each slot; every page with a tag */
#define WINDOW_PAGES 128 /* of them mapped at a time */
#define MOST_PAGES 96 /* of a slot: more than one word of a dirty bitmap, and no multiple of one */
#define GPA_STEP 0x100000 /* from one slot's place to the next slot's; a slot moves within */
#define GPA_ROOM 128 /* pages it moves about in, besides its own */
#define CHANGES_A_VM 16
#define LEAST_CHANGES 20 /* however short the time */
#define FIRST_TAG 0x5a000000
#define REFUSED_SLOT (SLOT_DATA + VISIT_SLOTS)

static const struct program program = {
	.what = "Change memory slots and the memory behind them while vCPUs use and check it.",
	.vcpus = 2,
	.threads = 1,
};

struct slot {
	uint32_t id; /* for KVM */
	uint32_t index;
	uint32_t flags;
	uint32_t gpa;
	uint32_t pages;
	uint32_t offset; /* of its first page in the window */
	uint32_t rotation; /* of the window's first page in the file */
	bool present;
	int file;
	int sharing; /* MAP_SHARED or MAP_PRIVATE */
	uint8_t *window;
	struct visit_slot *view; /* what guests are told */
	pthread_mutex_t telling; /* held while the view is written */
	pthread_mutex_t traffic; /* held while the memory behind it is being changed */
};

struct runner {
	pthread_t thread;
	struct vcpu vcpu;
	struct visit_board *board;
	struct churn *churn;
	uint32_t counted; /* visits that are in done->l2_entries already */
};

struct churn {
	int kvm;
	struct options options;
	struct choices slot_choices, memory_choices;
	struct vm vm;
	bool manual_clear; /* KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2 */
	struct slot slots[VISIT_SLOTS];
	struct runner runners[MAX_VCPUS];
	atomic_bool stop;
	uint64_t changes, dirty_checked;
	_Atomic uint32_t stretches; /* of all vCPUs */
	_Atomic uint64_t memory_changes, checked, calls, holes, bad_memory, lost;
};

/* ---- what guests are told */

static uint32_t kind_of(const struct slot *slot)
{
	if (!slot->present)
		return VISIT_ABSENT;
	return slot->flags & KVM_MEM_READONLY ? VISIT_READONLY : VISIT_WRITABLE;
}

static void begin_change(struct slot *slot)
{
	__atomic_fetch_add(&slot->view->begun, 1, __ATOMIC_SEQ_CST);
}

/* Each thread makes its changes first and tells of them here, so whoever comes last tells of all. */
static void end_change(struct slot *slot)
{
	pthread_mutex_lock(&slot->telling);
	slot->view->kind = kind_of(slot);
	slot->view->gpa = slot->gpa;
	slot->view->pages = slot->pages;
	slot->view->first_tag = FIRST_TAG + slot->index * FILE_PAGES + slot->rotation + slot->offset;
	pthread_mutex_unlock(&slot->telling);
	__atomic_fetch_add(&slot->view->ended, 1, __ATOMIC_SEQ_CST);
}

/* ---- slots */

static uint32_t place(const struct slot *slot)
{
	return GUEST_DATA + slot->index * GPA_STEP;
}

static int set_slot(struct churn *churn, const struct slot *slot, uint32_t pages)
{
	return vm_set_slot(&churn->vm, slot->id, slot->flags, slot->gpa, pages * PAGE, slot->window + slot->offset * PAGE);
}

static void expect(int error, int expected, const char *change, const struct slot *slot)
{
	if (error != expected)
		fail("expected to %s slot %u (%u pages at %#x, flags %#x) with \"%s\", got \"%s\"", change, slot->id,
		     slot->pages, slot->gpa, slot->flags, strerror(expected), strerror(error));
}

static void delete_slot(struct churn *churn, struct slot *slot)
{
	begin_change(slot);
	expect(set_slot(churn, slot, 0), 0, "delete", slot);
	slot->present = false;
	end_change(slot);
}

static void create_slot(struct churn *churn, struct slot *slot)
{
	struct choices *choices = &churn->slot_choices;

	begin_change(slot);
	slot->pages = 1 + choose_below(choices, MOST_PAGES);
	slot->offset = choose_below(choices, WINDOW_PAGES - slot->pages + 1);
	slot->gpa = place(slot) + choose_below(choices, GPA_ROOM) * PAGE;
	slot->flags = (one_in(choices, 3) ? KVM_MEM_READONLY : 0) | (one_in(choices, 3) ? KVM_MEM_LOG_DIRTY_PAGES : 0);
	slot->present = true;
	expect(set_slot(churn, slot, slot->pages), 0, "create", slot);
	end_change(slot);
}

static void move_slot(struct churn *churn, struct slot *slot)
{
	begin_change(slot);
	slot->gpa = place(slot) + choose_below(&churn->slot_choices, GPA_ROOM) * PAGE;
	expect(set_slot(churn, slot, slot->pages), 0, "move", slot);
	end_change(slot);
}

/* No view of it changes, so guests go on checking. */
static void toggle_dirty_log(struct churn *churn, struct slot *slot)
{
	slot->flags ^= KVM_MEM_LOG_DIRTY_PAGES;
	expect(set_slot(churn, slot, slot->pages), 0, "flag", slot);
}

static void replace_often(struct churn *churn, struct slot *slot)
{
	begin_change(slot);
	for (int i = 0; i < 8; i++) {
		expect(set_slot(churn, slot, 0), 0, "delete", slot);
		expect(set_slot(churn, slot, slot->pages), 0, "create again", slot);
	}
	end_change(slot);
}

/* What KVM must refuse, and leave everything as it was. */
static void try_wrong(struct churn *churn, struct slot *slot)
{
	struct slot other = *slot;

	expect(set_slot(churn, slot, slot->pages + 1), EINVAL, "resize", slot);
	other.id = REFUSED_SLOT;
	expect(set_slot(churn, &other, slot->pages), EEXIST, "overlap", slot);
	other = *slot;
	other.flags ^= KVM_MEM_READONLY;
	expect(set_slot(churn, &other, slot->pages), EINVAL, "turn over the read-only flag of", slot);
}

/* ---- dirty logs */

#define BITMAP_WORDS ((MOST_PAGES + 63) / 64)

static void get_dirty_log(struct churn *churn, const struct slot *slot, uint64_t *bitmap)
{
	struct kvm_dirty_log log = {.slot = slot->id, .dirty_bitmap = bitmap};

	memset(bitmap, 0, BITMAP_WORDS * sizeof(*bitmap));
	expect(ioctl(churn->vm.fd, KVM_GET_DIRTY_LOG, &log) ? errno : 0, 0, "get the dirty log of", slot);
	for (uint32_t page = slot->pages; page < BITMAP_WORDS * 64; page++)
		if (bitmap[page / 64] >> page % 64 & 1)
			fail("expected a dirty log of %u pages, got page %u dirty", slot->pages, page);
}

static void clear_dirty_log(struct churn *churn, const struct slot *slot, uint64_t *bitmap)
{
	struct kvm_clear_dirty_log log = {.slot = slot->id, .num_pages = slot->pages, .dirty_bitmap = bitmap};

	memset(bitmap, 0xff, BITMAP_WORDS * sizeof(*bitmap));
	if (churn->manual_clear)
		expect(ioctl(churn->vm.fd, KVM_CLEAR_DIRTY_LOG, &log) ? errno : 0, 0, "clear the dirty log of", slot);
}

typedef uint32_t words[MOST_PAGES][MAX_VCPUS];

static void copy_words(const struct slot *slot, words copy)
{
	for (uint32_t page = 0; page < slot->pages; page++) {
		const struct visit_page *content = (void *)(slot->window + (slot->offset + page) * PAGE);

		memcpy(copy[page], content->words, sizeof(copy[page]));
	}
}

/* Two stretches for each vCPU; where they outnumber the processors, one may get none of them for long. */
static void let_guests_work(struct churn *churn)
{
	uint32_t before = churn->stretches;

	while (churn->stretches - before < 2 * churn->options.vcpus)
		usleep(1000);
}

/* Pages that guests wrote to since the log was last emptied must be in it. */
static void check_dirty_log(struct churn *churn, struct slot *slot)
{
	uint64_t bitmap[BITMAP_WORDS];
	words before, after;

	if (!(slot->flags & KVM_MEM_LOG_DIRTY_PAGES))
		toggle_dirty_log(churn, slot);
	if (slot->flags & KVM_MEM_READONLY)
		return;
	pthread_mutex_lock(&slot->traffic);
	get_dirty_log(churn, slot, bitmap);
	clear_dirty_log(churn, slot, bitmap);
	copy_words(slot, before);
	let_guests_work(churn);
	copy_words(slot, after);
	get_dirty_log(churn, slot, bitmap);
	pthread_mutex_unlock(&slot->traffic);
	for (uint32_t page = 0; page < slot->pages; page++) {
		if (memcmp(before[page], after[page], sizeof(before[page])) == 0)
			continue;
		if (!(bitmap[page / 64] >> page % 64 & 1))
			fail("expected page %u of slot %u in the dirty log, as a guest wrote to it, got it clean", page,
			     slot->id);
		churn->dirty_checked++;
	}
}

static void change_some_slot(struct churn *churn)
{
	static void (*const changes[])(struct churn *, struct slot *) = {
		delete_slot, delete_slot, move_slot, move_slot, toggle_dirty_log, check_dirty_log, check_dirty_log,
		replace_often, try_wrong,
	};
	struct choices *choices = &churn->slot_choices;
	struct slot *slot = &churn->slots[choose_below(choices, VISIT_SLOTS)];

	if (!slot->present)
		create_slot(churn, slot);
	else
		changes[choose_below(choices, sizeof(changes) / sizeof(changes[0]))](churn, slot);
	churn->changes++;
	done->iterations++;
}

/* ---- the memory behind the slots */

#define WINDOW (WINDOW_PAGES * PAGE)

static void must_work(bool worked, const char *change)
{
	if (!worked)
		fail("cannot %s the memory behind a slot: %m", change);
}

/* Keep addresses from being given to others. No thread maps anything while windows are gone for a moment. */
static void *reserve(void *where, size_t size)
{
	void *memory = mmap(where, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | (where ? MAP_FIXED : 0), -1, 0);

	must_work(memory != MAP_FAILED, "reserve");
	return memory;
}

static void map_window(struct slot *slot)
{
	must_work(mmap(slot->window, WINDOW, PROT_READ | PROT_WRITE, slot->sharing | MAP_FIXED, slot->file,
		       slot->rotation * PAGE) == slot->window,
		  "map");
}

/* What is private goes, what is in the file comes again. */
static void drop_pages(struct slot *slot, struct choices *choices)
{
	uint32_t first = choose_below(choices, WINDOW_PAGES);
	uint32_t pages = 1 + choose_below(choices, WINDOW_PAGES - first);

	must_work(!madvise(slot->window + first * PAGE, pages * PAGE, MADV_DONTNEED), "drop");
}

static void protect(struct slot *slot, struct choices *choices)
{
	int protection = one_in(choices, 2) ? PROT_READ : PROT_NONE;

	must_work(!mprotect(slot->window, WINDOW, protection), "protect");
	must_work(!mprotect(slot->window, WINDOW, PROT_READ | PROT_WRITE), "unprotect");
}

static void move_away_and_back(struct slot *slot, struct choices *choices)
{
	const int flags = MREMAP_MAYMOVE | MREMAP_FIXED;
	uint8_t *away = slot->window + WINDOW;

	(void)choices;
	must_work(mremap(slot->window, WINDOW, WINDOW, flags, away) == away, "move");
	must_work(mremap(away, WINDOW, WINDOW, flags, slot->window) == slot->window, "move back");
	reserve(away, WINDOW);
}

/* Other pages of the file, with other tags, at the same address. */
static void map_others(struct slot *slot, struct choices *choices)
{
	if (one_in(choices, 2))
		must_work(!munmap(slot->window, WINDOW), "unmap");
	slot->rotation = choose_below(choices, FILE_PAGES - WINDOW_PAGES + 1);
	map_window(slot);
}

/* Everything private is write-protected and copied when a guest writes to it. */
static void fork_a_child(struct slot *slot, struct choices *choices)
{
	pid_t child = fork();

	(void)slot;
	(void)choices;
	must_work(child >= 0, "fork");
	if (child == 0)
		_exit(0);
	must_work(waitpid(child, NULL, 0) == child, "wait for a child with");
}

static void change_some_memory(struct churn *churn)
{
	static void (*const changes[])(struct slot *, struct choices *) = {
		drop_pages, drop_pages, drop_pages, protect, protect,
		move_away_and_back, map_others, map_others, fork_a_child,
	};
	struct choices *choices = &churn->memory_choices;
	struct slot *slot = &churn->slots[choose_below(choices, VISIT_SLOTS)];

	pthread_mutex_lock(&slot->traffic);
	begin_change(slot);
	changes[choose_below(choices, sizeof(changes) / sizeof(changes[0]))](slot, choices);
	end_change(slot);
	pthread_mutex_unlock(&slot->traffic);
	churn->memory_changes++;
}

static void *change_memory(void *argument)
{
	struct churn *churn = argument;

	while (!churn->stop) {
		change_some_memory(churn);
		usleep(1000); /* so that guests get at unchanging memory too, and have something to check */
	}
	return NULL;
}

/* ---- vCPUs */

static void tell_wrong(const struct visit_board *board)
{
	static const char *const acts[] = {"read", "wrote", "called"};
	static const char *const kinds[] = {"absent", "writable", "read-only"};

	fail("expected %#x when a guest %s at %#x in slot %u (%s), got %#x: stale or wrong mapping", board->wrong_expected,
	     acts[board->wrong_act], board->wrong_gpa, SLOT_DATA + board->wrong_slot, kinds[board->wrong_kind],
	     board->wrong_got);
}

static void count_work(struct runner *runner)
{
	uint32_t visits = runner->board->visits;

	done->l2_entries += visits - runner->counted;
	runner->counted = visits;
}

static void run_once(struct runner *runner)
{
	struct churn *churn = runner->churn;
	enum stop stop = vcpu_run(&runner->vcpu);

	count_work(runner);
	switch (stop) {
	case STOP_REPORT:
		churn->stretches++;
		break;
	case STOP_WRONG:
		tell_wrong(runner->board);
		break;
	case STOP_HOLE:
		memset(runner->vcpu.run->mmio.data, 0xff, sizeof(runner->vcpu.run->mmio.data));
		churn->holes++;
		break;
	case STOP_BAD_MEMORY:
		churn->bad_memory++;
		break;
	case STOP_LOST:
		vcpu_reset(&runner->vcpu);
		churn->lost++;
		break;
	case STOP_INTERRUPTED:
		break;
	}
}

static void *run_vcpu(void *argument)
{
	struct runner *runner = argument;

	while (!runner->churn->stop)
		run_once(runner);
	return NULL;
}

static void start_thread(pthread_t *thread, void *(*work)(void *), void *argument)
{
	errno = pthread_create(thread, NULL, work, argument);
	if (errno)
		fail("cannot start a thread: %m");
}

static void start_runner(struct churn *churn, uint32_t index)
{
	struct runner *runner = &churn->runners[index];

	*runner = (struct runner){.churn = churn, .board = vm_board(&churn->vm, index)};
	runner->board->random = 1 | (uint32_t)choose(&churn->slot_choices);
	vcpu_create(&churn->vm, index, &runner->vcpu);
	vcpu_reset(&runner->vcpu);
	start_thread(&runner->thread, run_vcpu, runner);
}

static void end_runner(struct churn *churn, struct runner *runner)
{
	pthread_join(runner->thread, NULL);
	count_work(runner);
	if (!runner->board->visits)
		fail("expected vCPU %u to have done something, got 0 visits", runner->vcpu.index);
	churn->checked += runner->board->checked;
	churn->calls += runner->board->calls;
	vcpu_destroy(&runner->vcpu);
}

/* ---- all together */

static void write_page(int file, uint32_t page, uint32_t tag)
{
	struct visit_page content = {.tag = tag, .function = {0xb8, 0, 0, 0, 0, 0xc3}}; /* movl $tag, %eax; ret */

	memcpy(content.function + 1, &tag, sizeof(tag));
	must_work(pwrite(file, &content, sizeof(content), page * PAGE) == sizeof(content), "write");
}

static void make_slot(struct slot *slot, uint32_t index)
{
	*slot = (struct slot){
		.id = SLOT_DATA + index,
		.index = index,
		.sharing = index % 2 ? MAP_PRIVATE : MAP_SHARED,
		.file = memfd_create("slot", MFD_CLOEXEC),
		.telling = PTHREAD_MUTEX_INITIALIZER,
		.traffic = PTHREAD_MUTEX_INITIALIZER,
	};
	must_work(slot->file >= 0 && !ftruncate(slot->file, FILE_PAGES * PAGE), "make");
	for (uint32_t page = 0; page < FILE_PAGES; page++)
		write_page(slot->file, page, FIRST_TAG + index * FILE_PAGES + page);
	slot->window = reserve(NULL, 2 * WINDOW); /* the second half to move to */
	map_window(slot);
}

static void create_slots(struct churn *churn)
{
	struct visit_shared *shared = (void *)(churn->vm.low + GUEST_SHARED);

	for (uint32_t i = 0; i < VISIT_SLOTS; i++) {
		churn->slots[i].view = &shared->slots[i];
		create_slot(churn, &churn->slots[i]);
	}
}

static bool clear_by_hand(struct churn *churn)
{
	struct kvm_enable_cap manual = {.cap = KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2, .args = {1}};

	return one_in(&churn->slot_choices, 2) && !ioctl(churn->vm.fd, KVM_ENABLE_CAP, &manual);
}

static bool time_left(const struct churn *churn)
{
	return churn->changes < LEAST_CHANGES || elapsed() < churn->options.seconds;
}

static void one_vm(struct churn *churn)
{
	pthread_t memory;

	vm_create(churn->kvm, &churn->vm);
	LOAD(&churn->vm, visit);
	churn->manual_clear = clear_by_hand(churn);
	churn->stop = false;
	create_slots(churn);
	for (unsigned int i = 0; i < churn->options.vcpus; i++)
		start_runner(churn, i);
	start_thread(&memory, change_memory, churn);
	for (int i = 0; i < CHANGES_A_VM && time_left(churn); i++)
		change_some_slot(churn);
	let_guests_work(churn);
	churn->stop = true;
	pthread_join(memory, NULL);
	for (unsigned int i = 0; i < churn->options.vcpus; i++)
		end_runner(churn, &churn->runners[i]);
	vm_destroy(&churn->vm, NULL, 0);
}

static void report(const struct churn *churn)
{
	metric_count("slot_changes", churn->changes, "changes");
	metric_count("memory_changes", churn->memory_changes, "changes");
	metric_count("visits_checked", churn->checked, "accesses");
	metric_count("dirty_pages_checked", churn->dirty_checked, "pages");
	metric_count("functions_called", churn->calls, "calls");
	metric_count("exits_for_holes", churn->holes, "exits");
	metric_count("exits_for_bad_memory", churn->bad_memory, "exits");
	metric_count("fetches_from_holes", churn->lost, "exits");
}

int main(int argc, char **argv)
{
	static struct churn churn;

	churn.options = begin(argc, argv, &program);
	churn.kvm = kvm_open();
	churn.slot_choices = choices_for(churn.options.seed, 0);
	churn.memory_choices = choices_for(churn.options.seed, 1);
	for (uint32_t i = 0; i < VISIT_SLOTS; i++)
		make_slot(&churn.slots[i], i);
	do
		one_vm(&churn);
	while (time_left(&churn));
	report(&churn);
	return end();
}
