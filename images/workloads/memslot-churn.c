/*
 * memslot-churn: memory slots created, deleted, moved, flagged and dirty-logged under running vCPUs.
 *
 * One thread changes slots, others the host memory behind them (which KVM hears of by its mmu_notifier), and the vCPUs
 * read, write and execute there all the time. Every page has a tag of its own, and the host tells the guests what each
 * slot is and when that is about to change (struct visit_slot), so that a vCPU that gets at memory it must not see any
 * more, or not yet, notices. Dirty logs are checked against what the guests wrote.
 *
 * It goes from scene to scene: each is a VM with slots over memory of some types, and things that are done there. Each
 * of them is done before the next scene begins, if that does not take too long; the rest of the time slots are changed as
 * fast as they can be.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/backing.h"
#include "lib/crew.h"
#include "lib/deck.h"
#include "lib/dirty.h"
#include "lib/host.h"
#include "lib/kinds.h"
#include "lib/slot.h"
#include "lib/stats.h"
#include "lib/visit.h"
#include "lib/vm.h"
#include "lib/watch.h"
#include "lib/workload.h"

#define FIRST_TAG 0x5a000000
#define TAGS 0x10000 /* for the memory behind a slot */
#define SMALL_STEP 0xa0000 /* from one slot's place to the next one's; a slot moves within */
#define HUGE_PLACE 0x10000000
#define HUGE_STEP 0x1000000
#define SPARE_PLACE 0x80000000u
#define SPARE_SLOT 1024 /* the first of those that no guest visits, one for each thread */
#define SPARE_TURNS 4
#define SMM_SPACE (1u << 16) /* in a slot's number: the address space of vCPUs in SMM */
#define BETWEEN_CHANGES 300 /* microseconds of unchanging memory, so that guests have something to check */
#define SCENE_SECONDS 1.0 /* at least, unless time is up */
/* On a host so slow that not everything is done in time, the first round goes on until then, or last_second(). */
#define FIRST_ROUND_SECONDS(seconds) ((seconds)*1.25 + 12)
#define SCENE_SHARE 2 /* a scene of it may have this part of what is left: the first ones are the most important */

static const struct program program = {
	.what = "Change memory slots and the memory behind them while vCPUs use and check it.",
	.vcpus = 2,
	.threads = 1,
	.kinds = kind_names,
	.kinds_count = KINDS_COUNT,
};

/* ---- scenes */

enum { SHARED, PRIVATE, HOLES, ANONYMOUS, ALIKE, HUGE, HUGETLB, BACKINGS };

static const enum backing_type types[BACKINGS] = {
	BACKING_SHARED, BACKING_PRIVATE, BACKING_HOLES, BACKING_ANONYMOUS, BACKING_ALIKE, BACKING_HUGE, BACKING_HUGETLB,
};

/* A slot of a scene. */
struct cast {
	uint8_t backing;
	uint8_t parts; /* 0 means 1 */
	uint8_t alias; /* which slot has the same memory, plus 1 */
	bool smm; /* it is in the other address space, where ordinary guests don't see it */
};

struct scene {
	const char *what;
	enum dirty_mode mode; /* or, where `mode` is DIRTY_BY_GET, any of the bitmap's */
	bool without_vcpus, smm;
	struct cast cast[VISIT_SLOTS];
	unsigned int slots;
	uint8_t kinds[MOST_CARDS]; /* what is done, the most important first */
	unsigned int first, count;
};

#define DO(first_kinds, ...) \
	.first = first_kinds, .kinds = {__VA_ARGS__}, .count = sizeof((const uint8_t[]){__VA_ARGS__})

static const struct scene scenes[] = {
	{
		.what = "a bit of everything",
		.cast = {{.backing = SHARED}, {.backing = PRIVATE, .alias = 6}, {.backing = HOLES}, {.backing = ANONYMOUS},
			 {.backing = ALIKE}, {.backing = PRIVATE, .alias = 2}},
		.slots = 6,
		DO(5, SLOT_BURST, SLOT_DELETE, SLOT_MOVE, SLOT_FLAG, DIRTY_LOG, SLOT_CREATE, SLOT_RESIZE, SLOT_ALIAS,
		   SLOT_REFUSED, SLOT_LIMIT, DIRTY_LOG),
	},
	{
		.what = "huge pages",
		.mode = DIRTY_ALL_SET,
		.cast = {{.backing = HUGE, .alias = 2}, {.backing = HUGE, .alias = 1}},
		.slots = 2,
		DO(3, HUGE_SPLIT, HUGE_COLLAPSE, SLOT_MOVE, SLOT_BURST, DIRTY_CLEAR_SOME, DIRTY_INITIALLY_SET, SLOT_DELETE,
		   SLOT_RESIZE, SLOT_FLAG, DIRTY_LOG, SLOT_ALIAS),
	},
	{
		.what = "slots that no vCPU ever sees",
		.without_vcpus = true,
		.cast = {{.backing = SHARED}, {.backing = PRIVATE}, {.backing = ANONYMOUS}, {.backing = HUGE}},
		.slots = 4,
		DO(2, SLOT_WITHOUT_VCPUS, DIRTY_WITHOUT_VCPUS, SLOT_DELETE, SLOT_MOVE, SLOT_FLAG),
	},
	{
		.what = "dirty rings",
		.mode = DIRTY_BY_RING,
		.cast = {{.backing = SHARED}, {.backing = PRIVATE}, {.backing = HOLES}},
		.slots = 3,
		DO(1, DIRTY_RING, SLOT_BURST, SLOT_DELETE, SLOT_MOVE, SLOT_FLAG, DIRTY_RING),
	},
	{
		.what = "the address space of SMM",
		.smm = true,
		.cast = {{.backing = SHARED}, {.backing = PRIVATE, .smm = true}, {.backing = ANONYMOUS},
			 {.backing = HOLES, .smm = true}},
		.slots = 4,
		DO(2, SLOT_SMM, DIRTY_SMM, SLOT_SMM, SLOT_BURST, SLOT_DELETE, SLOT_FLAG),
	},
	{
		.what = "many slots, one beside the other",
		.mode = DIRTY_BY_CLEAR,
		.cast = {{.backing = SHARED, .parts = 16}, {.backing = PRIVATE, .parts = 16}, {.backing = HOLES, .parts = 16},
			 {.backing = ANONYMOUS, .parts = 16}},
		.slots = 4,
		DO(1, SLOT_MANY, SLOT_FLAG, DIRTY_LOG),
	},
	{
		.what = "huge pages of hugetlbfs",
		.cast = {{.backing = HUGETLB}, {.backing = SHARED}},
		.slots = 2,
		DO(2, HUGE_SPLIT, HUGE_COLLAPSE, SLOT_BURST, SLOT_DELETE, SLOT_MOVE),
	},
};

_Static_assert(KINDS_COUNT <= MOST_KINDS && KINDS_COUNT <= MOST_CARDS, "kinds fit into the counters and into a deck");

#define SCENES (sizeof(scenes) / sizeof(scenes[0]))

/* ---- what there is */

/* A thread that changes memory. */
struct traffic {
	pthread_t thread;
	struct churn *churn;
	struct choices choices;
	struct deck deck;
	struct slot spare;
};

struct churn {
	int kvm;
	struct options options;
	struct choices choices;
	struct backing backings[BACKINGS];
	bool there[BACKINGS];
	bool swap, merging;
	const struct scene *scene;
	enum dirty_mode mode;
	struct vm vm, one_space; /* the same VM, in which vm_set_slot() takes one address space at a time */
	struct visit_shared *shared;
	struct slot slots[VISIT_SLOTS];
	struct crew crew;
	struct dirty_rings rings;
	struct deck deck;
	struct traffic traffic[MOST_THREADS];
	atomic_bool stop; /* traffic */
	uint64_t dirty_checked, huge_seen, merged_seen;
};

/* ---- the memory behind the slots */

static void begin_all(struct churn *churn, const struct backing *backing)
{
	for (unsigned int i = 0; i < churn->scene->slots; i++)
		if (churn->slots[i].backing == backing)
			slot_begin_change(&churn->slots[i]);
}

static void end_all(struct churn *churn, const struct backing *backing)
{
	for (unsigned int i = 0; i < churn->scene->slots; i++)
		if (churn->slots[i].backing == backing)
			slot_end_change(&churn->slots[i]);
}

static void change_backing(struct churn *churn, struct backing *backing, enum kind kind, struct choices *choices)
{
	bool worked;

	pthread_mutex_lock(&backing->traffic);
	begin_all(churn, backing);
	worked = backing_change(backing, kind, choices);
	end_all(churn, backing);
	pthread_mutex_unlock(&backing->traffic);
	if (worked)
		did(kind);
}

/* Of a scene's slots, one that `kind` can be done to; NULL if there is none. */
static struct slot *suited(struct churn *churn, enum kind kind, struct choices *choices)
{
	unsigned int count = churn->scene->slots;
	unsigned int first = choose_below(choices, count);

	for (unsigned int i = 0; i < count; i++) {
		struct slot *slot = &churn->slots[(first + i) % count];

		if (backing_suits(slot->backing->type, kind))
			return slot;
	}
	return NULL;
}

/* Most of what guests do is to be done there, if they know of it. */
static void turn_to(struct churn *churn, const struct slot *slot)
{
	churn->shared->focus = slot->view ? slot->index : churn->scene->slots;
}

/* A slot that comes and goes, and that only KVM knows of. */
static void turn_spare(struct slot *spare)
{
	for (int i = 0; i < SPARE_TURNS; i++) {
		slot_expect(spare, "create", slot_set(spare, spare->pages), 0);
		slot_expect(spare, "delete", slot_set(spare, 0), 0);
	}
	did(SLOT_SPARE);
}

static void *change_memory(void *argument)
{
	struct traffic *traffic = argument;
	struct churn *churn = traffic->churn;

	while (!churn->stop) {
		enum kind kind = deck_deal(&traffic->deck, &traffic->choices);

		if (kind == SLOT_SPARE) {
			turn_spare(&traffic->spare);
		} else {
			struct slot *slot = suited(churn, kind, &traffic->choices);

			turn_to(churn, slot);
			usleep(BETWEEN_CHANGES);
			change_backing(churn, slot->backing, kind, &traffic->choices);
		}
		usleep(BETWEEN_CHANGES);
	}
	return NULL;
}

static bool possible(const struct churn *churn, enum kind kind)
{
	if (kind == MEMORY_PAGEOUT)
		return churn->swap;
	return kind != MEMORY_MERGE || churn->merging;
}

static void start_traffic(struct churn *churn, struct traffic *traffic)
{
	uint32_t index = (uint32_t)(traffic - churn->traffic);

	traffic->churn = churn;
	traffic->deck = (struct deck){0};
	traffic->spare = (struct slot){
		.vm = &churn->one_space,
		.id = SPARE_SLOT + index,
		.parts = 1,
		.gpa = SPARE_PLACE + index * HUGE_STEP,
		.pages = churn->slots[0].backing->pages,
		.backing = churn->slots[0].backing,
	};
	for (unsigned int kind = 0; kind < KINDS_COUNT; kind++)
		if (kind == SLOT_SPARE || (possible(churn, kind) && suited(churn, kind, &traffic->choices)))
			deck_add(&traffic->deck, kind);
	errno = pthread_create(&traffic->thread, NULL, change_memory, traffic);
	if (errno)
		fail("cannot start a thread: %m");
}

/* ---- slots */

static struct slot *some_slot(struct churn *churn)
{
	return &churn->slots[choose_below(&churn->choices, churn->scene->slots)];
}

static void ensure_present(struct churn *churn, struct slot *slot)
{
	if (slot->present)
		return;
	slot_create(slot, &churn->choices);
	did(SLOT_CREATE);
}

static void ensure_absent(struct slot *slot)
{
	if (slot->present)
		slot_delete(slot);
}

/* As it is wanted for what only shows with slots of some flags. */
static void ensure_flags(struct churn *churn, struct slot *slot, uint32_t flags)
{
	ensure_present(churn, slot);
	while (slot->flags & KVM_MEM_READONLY) {
		slot_delete(slot);
		slot_create(slot, &churn->choices);
	}
	if (slot->flags != flags)
		slot_toggle_dirty_log(slot);
}

static void check_dirty_log(struct churn *churn, struct slot *slot)
{
	ensure_flags(churn, slot, KVM_MEM_LOG_DIRTY_PAGES);
	pthread_mutex_lock(&slot->backing->traffic);
	turn_to(churn, slot);
	churn->dirty_checked += dirty_check(slot, churn->mode, &churn->crew, &churn->rings);
	pthread_mutex_unlock(&slot->backing->traffic);
}

static void see_huge_pages(struct churn *churn)
{
	int stats = stats_open(churn->vm.fd);

	churn->huge_seen += stats_read(stats, "pages_2m");
	shut(stats);
}

/* Guests work with huge pages, and then write while what they write is logged by small ones. */
static void split(struct churn *churn, struct slot *slot)
{
	ensure_flags(churn, slot, 0);
	crew_work(&churn->crew, 1);
	see_huge_pages(churn);
	check_dirty_log(churn, slot);
}

static void collapse(struct churn *churn, struct slot *slot)
{
	ensure_flags(churn, slot, KVM_MEM_LOG_DIRTY_PAGES);
	crew_work(&churn->crew, 1);
	slot_toggle_dirty_log(slot);
	crew_work(&churn->crew, 1);
	see_huge_pages(churn);
}

static void check_initially_set(struct churn *churn, struct slot *slot)
{
	ensure_flags(churn, slot, 0);
	slot_toggle_dirty_log(slot);
	dirty_check_all_set(slot);
}

static void clear_some(struct churn *churn, struct slot *slot)
{
	ensure_flags(churn, slot, KVM_MEM_LOG_DIRTY_PAGES);
	dirty_clear_some(slot, &churn->choices);
}

/* Both there, and guests at work in both. */
static void visit_alias(struct churn *churn, struct slot *slot)
{
	struct slot *other;

	while (slot->view->alias == slot->index)
		slot = some_slot(churn);
	other = &churn->slots[slot->view->alias];
	ensure_flags(churn, slot, slot->flags & KVM_MEM_LOG_DIRTY_PAGES);
	ensure_present(churn, other);
	turn_to(churn, slot);
	crew_work(&churn->crew, 2);
	slot_delete(other);
	crew_work(&churn->crew, 1);
}

static void log_without_vcpus(struct churn *churn, struct slot *slot)
{
	struct dirty_log log;

	ensure_flags(churn, slot, KVM_MEM_LOG_DIRTY_PAGES);
	dirty_get(slot, &log);
	slot_toggle_dirty_log(slot);
}

static void replace_many(struct churn *churn, struct slot *slot)
{
	ensure_absent(slot);
	slot_create(slot, &churn->choices);
}

/* ---- the other address space */

static struct slot *some_smm_slot(struct churn *churn)
{
	struct slot *slot;

	do
		slot = some_slot(churn);
	while (!(slot->id & SMM_SPACE));
	return slot;
}

static uint32_t smis_taken(const struct churn *churn)
{
	return *(volatile uint32_t *)(churn->vm.low + SMM_COUNT);
}

static void take_smi(struct churn *churn)
{
	uint32_t before = smis_taken(churn);
	unsigned int microseconds = 0;

	churn->crew.smis++;
	while (smis_taken(churn) == before)
		crew_wait(&microseconds);
}

/* Let vCPU 0 read and write all of a slot in SMM. */
static void visit_in_smm(struct churn *churn, const struct slot *slot)
{
	volatile struct smm_visit *visit = (void *)(churn->vm.low + SMM_VISIT);

	*visit = (struct smm_visit){
		.gpa = slot->gpa,
		.pages = slot->present ? slot->pages : 1,
		.tag = slot->present ? backing_tag(slot->backing, slot->offset) : HOLE_VALUE,
		.step = slot->backing->tag_step,
	};
	take_smi(churn);
	if (visit->wrong)
		fail("expected %#x and so on when a guest in SMM read slot %#x (%s, %u pages at %#x), got %u wrong, as %#x at %#x",
		     visit->tag, slot->id, slot->present ? "present" : "absent", slot->pages, slot->gpa, visit->wrong,
		     visit->wrong_got, visit->wrong_gpa);
}

/* Before and after a change of this address space only. */
static void change_in_smm(struct churn *churn, struct slot *unused)
{
	static void (*const changes[])(struct slot *, struct choices *) = {slot_move, slot_resize, slot_burst};
	struct slot *slot = some_smm_slot(churn);

	(void)unused;
	ensure_present(churn, slot);
	pthread_mutex_lock(&slot->backing->traffic);
	visit_in_smm(churn, slot);
	changes[choose_below(&churn->choices, 3)](slot, &churn->choices);
	visit_in_smm(churn, slot);
	if (one_in(&churn->choices, 2)) {
		slot_delete(slot);
		visit_in_smm(churn, slot);
	}
	pthread_mutex_unlock(&slot->backing->traffic);
}

static void log_in_smm(struct churn *churn, struct slot *unused)
{
	struct slot *slot = some_smm_slot(churn);
	uint32_t before[MOST_PAGES];
	struct dirty_log log;

	(void)unused;
	ensure_flags(churn, slot, KVM_MEM_LOG_DIRTY_PAGES);
	pthread_mutex_lock(&slot->backing->traffic);
	visit_in_smm(churn, slot);
	dirty_empty(slot, churn->mode, NULL);
	dirty_sums(slot, before);
	visit_in_smm(churn, slot);
	dirty_get(slot, &log);
	churn->dirty_checked += dirty_compare(slot, &log, before);
	pthread_mutex_unlock(&slot->backing->traffic);
}

/* ---- a change of a slot */

static void do_delete(struct churn *churn, struct slot *slot)
{
	ensure_present(churn, slot);
	slot_delete(slot);
}

static void do_create(struct churn *churn, struct slot *slot)
{
	ensure_absent(slot);
	slot_create(slot, &churn->choices);
}

static void do_move(struct churn *churn, struct slot *slot)
{
	ensure_present(churn, slot);
	slot_move(slot, &churn->choices);
}

static void do_resize(struct churn *churn, struct slot *slot)
{
	ensure_present(churn, slot);
	slot_resize(slot, &churn->choices);
}

static void do_flag(struct churn *churn, struct slot *slot)
{
	ensure_present(churn, slot);
	slot_toggle_dirty_log(slot);
}

static void do_burst(struct churn *churn, struct slot *slot)
{
	ensure_present(churn, slot);
	slot_burst(slot, &churn->choices);
}

static void do_refused(struct churn *churn, struct slot *slot)
{
	ensure_present(churn, slot);
	slot_try_wrong(slot);
}

static void do_limit(struct churn *churn, struct slot *slot)
{
	slot_try_limit(&churn->one_space, backing_page(slot->backing, 0));
}

static void (*const operations[KINDS_COUNT])(struct churn *, struct slot *) = {
	[SLOT_CREATE] = do_create,
	[SLOT_DELETE] = do_delete,
	[SLOT_MOVE] = do_move,
	[SLOT_RESIZE] = do_resize,
	[SLOT_FLAG] = do_flag,
	[SLOT_BURST] = do_burst,
	[SLOT_REFUSED] = do_refused,
	[SLOT_LIMIT] = do_limit,
	[SLOT_MANY] = replace_many,
	[SLOT_ALIAS] = visit_alias,
	[SLOT_SMM] = change_in_smm,
	[SLOT_WITHOUT_VCPUS] = do_burst,
	[DIRTY_LOG] = check_dirty_log,
	[DIRTY_CLEAR_SOME] = clear_some,
	[DIRTY_INITIALLY_SET] = check_initially_set,
	[DIRTY_RING] = check_dirty_log,
	[DIRTY_SMM] = log_in_smm,
	[DIRTY_WITHOUT_VCPUS] = log_without_vcpus,
	[HUGE_SPLIT] = split,
	[HUGE_COLLAPSE] = collapse,
};

static void do_to(struct churn *churn, enum kind kind, struct slot *slot)
{
	watch(MAX_VCPUS, kind_names[kind]);
	operations[kind](churn, slot);
	did(kind);
}

/* One of what there is to do, and many changes at once: always, once the first has been done. */
static void change_some_slot(struct churn *churn)
{
	struct slot *slot = some_slot(churn);

	do_to(churn, deck_deal(&churn->deck, &churn->choices), slot);
	slot = some_slot(churn);
	if (slot->parts == 1 && (churn->deck.passes || one_in(&churn->choices, 2)))
		do_to(churn, SLOT_BURST, slot);
}

/* ---- a scene */

static void make_slot(struct churn *churn, uint32_t index)
{
	const struct cast *cast = &churn->scene->cast[index];
	struct backing *backing = &churn->backings[cast->backing];
	bool huge = backing->pages == HUGE_WINDOW;
	uint32_t place = cast->smm ? index - 1 : index; /* that of the one before */

	churn->slots[index] = (struct slot){
		.vm = &churn->one_space,
		.id = (SLOT_DATA + index * 64) | (cast->smm ? SMM_SPACE : 0),
		.parts = cast->parts ? cast->parts : 1,
		.least = cast->parts ? 64 : huge ? HUGE_WINDOW * 2 / 3 : 1,
		.most = huge ? HUGE_WINDOW : 96,
		.place = huge ? HUGE_PLACE + index * HUGE_STEP : GUEST_DATA + place * SMALL_STEP,
		.index = index,
		.set = cast->smm ? SET_SMM : cast->alias && cast->alias <= index ? SET_ALIAS : SET_ORDINARY,
		.backing = backing,
		.view = cast->smm ? NULL : &churn->shared->slots[index],
		.telling = PTHREAD_MUTEX_INITIALIZER,
	};
}

/* What guests are told of a slot of the other address space is that there is none. */
static void make_slots(struct churn *churn)
{
	churn->shared = (void *)(churn->vm.low + GUEST_SHARED);
	churn->shared->count = churn->shared->focus = churn->scene->slots;
	for (uint32_t i = 0; i < churn->scene->slots; i++) {
		uint8_t alias = churn->scene->cast[i].alias;

		make_slot(churn, i);
		churn->shared->slots[i].alias = alias ? alias - 1u : i;
		churn->shared->slots[i].gpa = 0xff000000;
		churn->shared->slots[i].pages = 1;
		slot_create(&churn->slots[i], &churn->choices);
	}
}

static bool choose_mode(struct churn *churn)
{
	churn->mode = churn->scene->mode;
	if (churn->mode == DIRTY_BY_GET)
		churn->mode = choose_below(&churn->choices, 3);
	return dirty_choose(&churn->vm, churn->mode);
}

static bool open_vm(struct churn *churn)
{
	vm_create(churn->kvm, &churn->vm);
	if (!choose_mode(churn) || (churn->scene->smm && !vm_allow_smi(&churn->vm))) {
		vm_destroy(&churn->vm, NULL, 0);
		return false;
	}
	LOAD(&churn->vm, visit);
	if (churn->scene->smm)
		vm_load(&churn->vm, SMM_ENTRY, guest_smi_visit, (size_t)(guest_smi_visit_end - guest_smi_visit));
	churn->one_space = churn->vm;
	churn->one_space.smm = false;
	return true;
}

static void open_scene(struct churn *churn)
{
	make_slots(churn);
	crew_hire(&churn->crew, &churn->vm, churn->scene->without_vcpus ? 0 : churn->options.vcpus, &churn->choices);
	if (churn->mode == DIRTY_BY_RING)
		rings_open(&churn->rings, &churn->vm, &churn->crew);
	churn->crew.ring_full = (void (*)(void *))rings_collect;
	churn->crew.argument = &churn->rings;
	churn->stop = false;
	crew_start(&churn->crew);
	for (unsigned int i = 0; i < churn->options.threads; i++)
		start_traffic(churn, &churn->traffic[i]);
}

static void close_scene(struct churn *churn)
{
	crew_work(&churn->crew, 1);
	churn->stop = true;
	for (unsigned int i = 0; i < churn->options.threads; i++)
		pthread_join(churn->traffic[i].thread, NULL);
	for (unsigned int i = 0; i < BACKINGS; i++)
		backing_settle(&churn->backings[i]);
	crew_dismiss(&churn->crew);
	if (churn->mode == DIRTY_BY_RING)
		rings_close(&churn->rings);
	vm_destroy(&churn->vm, NULL, 0);
}

static bool all_done(const struct churn *churn)
{
	for (unsigned int i = 0; i < churn->options.threads; i++)
		if (!churn->traffic[i].deck.passes)
			return false;
	return churn->deck.passes;
}

static void deal(struct churn *churn)
{
	churn->deck = (struct deck){.first = churn->scene->first};
	for (unsigned int i = 0; i < churn->scene->count; i++)
		deck_add(&churn->deck, churn->scene->kinds[i]);
}

static bool time_left(const struct churn *churn)
{
	return elapsed() < churn->options.seconds;
}

static double end_of_first_round(const struct churn *churn)
{
	double usual = FIRST_ROUND_SECONDS(churn->options.seconds);

	return usual < last_second() ? usual : last_second();
}

static bool has(const struct scene *scene, uint8_t backing)
{
	for (unsigned int i = 0; i < scene->slots; i++)
		if (scene->cast[i].backing == backing)
			return true;
	return false;
}

static void play(struct churn *churn)
{
	double began = elapsed();
	double longest = (end_of_first_round(churn) - began) / SCENE_SHARE;

	deal(churn);
	open_scene(churn);
	if (churn->merging && has(churn->scene, ALIKE))
		host_merge(true);
	do
		change_some_slot(churn);
	while ((!all_done(churn) && elapsed() - began < longest) ||
	       (time_left(churn) && elapsed() - began < SCENE_SECONDS));
	if (churn->merging && has(churn->scene, ALIKE)) {
		churn->merged_seen += host_merged();
		host_merge(false);
	}
	close_scene(churn);
}

static bool can_play(const struct churn *churn, const struct scene *scene)
{
	for (unsigned int i = 0; i < scene->slots; i++)
		if (!churn->there[scene->cast[i].backing])
			return false;
	return true;
}

static void play_if_possible(struct churn *churn, const struct scene *scene, bool first)
{
	churn->scene = scene;
	if (can_play(churn, scene) && open_vm(churn))
		play(churn);
	else if (first)
		dprintf(STDOUT_FILENO, "left out: %s, which this kernel does not have\n", scene->what);
}

/* Each scene once, if there is time; one of them always. The first two are the most telling. */
static void one_round(struct churn *churn, bool first)
{
	struct deck deck = {.first = 1};
	double end = first ? end_of_first_round(churn) : churn->options.seconds;

	for (unsigned int i = 1; i < SCENES; i++)
		deck_add(&deck, i);
	play_if_possible(churn, &scenes[0], first);
	while (!deck.passes && (elapsed() < end || !done->iterations))
		play_if_possible(churn, &scenes[deck_deal(&deck, &churn->choices)], first);
}

/* ---- all together */

static void make_backings(struct churn *churn)
{
	for (unsigned int i = 0; i < BACKINGS; i++)
		churn->there[i] = backing_make(&churn->backings[i], types[i], FIRST_TAG + i * TAGS);
}

static void unmake_backings(struct churn *churn)
{
	for (unsigned int i = 0; i < BACKINGS; i++)
		if (churn->there[i])
			backing_unmake(&churn->backings[i]);
}

static void set_host(struct churn *churn)
{
	mallopt(M_ARENA_MAX, 1); /* no thread's heap may be where a window is gone for a moment */
	churn->swap = host_swap_on();
	churn->merging = host_can_merge();
	if (!churn->swap)
		dprintf(STDOUT_FILENO, "left out: memory_pageout, as there is no RAM disk to swap to\n");
	if (!churn->merging)
		dprintf(STDOUT_FILENO, "left out: memory_merge, as the kernel has no KSM\n");
}

static void unset_host(struct churn *churn)
{
	if (churn->swap)
		host_swap_off();
	if (churn->merging)
		host_part();
	host_release_huge();
}

static void report(const struct churn *churn)
{
	metric_rate("slot_updates_per_second", (double)slot_updates / elapsed(), "1/s");
	metric_count("slot_updates", slot_updates, "updates");
	metric_count("visits_checked", crew_counts.checked, "accesses");
	metric_count("changes_witnessed", crew_counts.witnessed, "changes");
	metric_count("functions_called", crew_counts.calls, "calls");
	metric_count("dirty_pages_checked", churn->dirty_checked, "pages");
	metric_count("huge_pages_seen", churn->huge_seen, "pages");
	metric_count("merged_pages_seen", churn->merged_seen, "pages");
	metric_count("exits_for_holes", crew_counts.holes, "exits");
	metric_count("exits_for_bad_memory", crew_counts.bad_memory, "exits");
	metric_count("exits_for_full_rings", crew_counts.rings_full, "exits");
	metric_count("fetches_from_holes", crew_counts.lost, "exits");
}

int main(int argc, char **argv)
{
	static struct churn churn;
	bool first = true;

	churn.options = begin(argc, argv, &program);
	churn.kvm = kvm_open();
	churn.choices = choices_for(churn.options.seed, 0);
	for (unsigned int i = 0; i < churn.options.threads; i++)
		churn.traffic[i].choices = choices_for(churn.options.seed, 1 + i);
	set_host(&churn);
	make_backings(&churn);
	watch_start(MAX_VCPUS + 1); /* of the vCPUs, and of what is done to slots */
	for (; first || time_left(&churn); first = false)
		one_round(&churn, first);
	report(&churn);
	unmake_backings(&churn);
	unset_host(&churn);
	return end();
}
