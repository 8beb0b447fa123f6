/*
 * A KVM that keeps roots which nobody uses must still do to them what it does to all others: when a slot goes, or the
 * memory behind it, or its writes are to be logged. So a vCPU fills a root, leaves it for another one, or for none; then
 * the host changes something; then the vCPU comes back, and what it does must be seen where it belongs.
 *
 * The TDP MMU has one root each for SMM, for guests' guests, and for everything else. All pages that the guest program
 * "roots" counts up are looked at; the memory of before stays there, so that a stale mapping does no harm.
 */
#define _GNU_SOURCE
#include "comeback.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "roots.h"
#include "visit.h"
#include "watch.h"
#include "workload.h"

#define PAGES 16
#define SIZE (PAGES * PAGE)
#define FIRST_VCPU 1 /* its word is not that of the tag */
#define VCPUS 2
#define GUEST_ELSEWHERE 0x500000 /* nobody looks there */
#define FIRST_TAG 0x7a000000

GUEST_PROGRAM(smi_stop);

struct comeback {
	const struct comeback_host *host;
	const struct way *way;
	struct vm vm;
	struct vcpu vcpus[VCPUS];
	unsigned int at_work; /* which of them */
	struct roots_board *boards[VCPUS];
	uint32_t passed[VCPUS], l3_passed[VCPUS]; /* before the change */
	uint8_t *memory[2]; /* behind slots SLOT_DATA and SLOT_DATA + 1 */
	unsigned int here; /* which of them is at GUEST_DATA */
	uint8_t *former; /* what was behind it */
	struct smm_visit *visit;
	uint32_t visits; /* since the change */
};

struct way {
	const char *what;
	bool smm, two; /* it needs SMIs, two vCPUs */
	bool l3_stops;
	enum paging paging;
	uint32_t changes; /* bits by enum roots_change: what the guest does before each pass */
	void (*leave)(struct comeback *);
	void (*come)(struct comeback *);
};

static const struct vcpu *vcpu_at_work(const struct comeback *back)
{
	return &back->vcpus[back->at_work];
}

/* ---- ways */

static void run(struct comeback *back)
{
	vcpu_run_to_report(vcpu_at_work(back));
}

/* Until its guest, not itself, reports. */
static void run_to_l3(struct comeback *back)
{
	do
		run(back);
	while (!back->boards[back->at_work]->in_l3);
}

static void visit_in_smm(struct comeback *back)
{
	vcpu_smi(vcpu_at_work(back));
	run(back);
	back->visits++;
}

static void stay_out(struct comeback *back)
{
	(void)back;
}

/* All roots of the vCPU are let go of; it has none until it runs again. */
static void drop_roots(struct comeback *back)
{
	vcpu_toggle_pse(vcpu_at_work(back));
}

static void leave_to_other_vcpu(struct comeback *back)
{
	drop_roots(back);
	back->at_work = !back->at_work;
}

static void stop_in_smm(struct comeback *back)
{
	vcpu_smi(vcpu_at_work(back));
	run(back);
	if (!(vcpu_at_work(back)->run->flags & KVM_RUN_X86_SMM))
		fail("expected the vCPU to report from SMM");
}

static const struct way ways[] = {
	{.what = "a root dropped by the host", .leave = drop_roots, .come = run},
	{.what = "a root left while in SMM", .smm = true, .leave = stop_in_smm, .come = run},
	{.what = "SMM's root", .smm = true, .leave = stay_out, .come = visit_in_smm},
	{.what = "a root left by another vCPU", .two = true, .leave = leave_to_other_vcpu, .come = run},
	{.what = "the root of a guest's guest", .paging = PAGING_64, .changes = 1 << CHANGE_L3, .leave = drop_roots,
	 .come = run},
	{.what = "the root of a guest's guest, left while in SMM", .smm = true, .l3_stops = true, .paging = PAGING_64,
	 .changes = 1 << CHANGE_L3, .leave = stop_in_smm, .come = run_to_l3},
	{.what = "the root of a guest's guest with nested paging", .paging = PAGING_64, .changes = 1 << CHANGE_L3_NESTED,
	 .leave = drop_roots, .come = run},
};

/* ---- what is behind the pages */

static uint32_t *page_of(const struct comeback *back, uint32_t page)
{
	return (uint32_t *)(back->memory[back->here] + page * PAGE);
}

static void begin_to_count(struct comeback *back)
{
	for (unsigned int i = 0; i < VCPUS; i++) {
		back->passed[i] = back->boards[i]->passed;
		back->l3_passed[i] = back->boards[i]->l3_passed;
	}
	back->visits = 0;
}

/* Nothing is counted in it yet, and it has other tags than ever before. */
static void make_new(struct comeback *back)
{
	uint32_t tag = back->visit->tag + PAGES;

	memset(back->memory[back->here], 0, SIZE);
	for (uint32_t page = 0; page < PAGES; page++)
		*page_of(back, page) = tag + page;
	*back->visit = (struct smm_visit){.gpa = GUEST_DATA, .pages = PAGES, .tag = tag, .step = 1};
	begin_to_count(back);
}

static void set_slot(const struct comeback *back, unsigned int which, uint32_t flags, uint64_t gpa, uint64_t size)
{
	vm_must_set_slot(&back->vm, SLOT_DATA + which, flags, gpa, size, back->memory[which]);
}

static void put_other_here(struct comeback *back)
{
	back->here = !back->here;
	make_new(back);
	set_slot(back, back->here, 0, GUEST_DATA, SIZE);
}

static void replace_slot(struct comeback *back)
{
	set_slot(back, back->here, 0, GUEST_DATA, 0);
	put_other_here(back);
}

static void move_slot(struct comeback *back)
{
	set_slot(back, back->here, 0, GUEST_ELSEWHERE, SIZE);
	put_other_here(back);
}

static void clear_moved(struct comeback *back)
{
	set_slot(back, !back->here, 0, GUEST_ELSEWHERE, 0);
}

static void exchange_memory(struct comeback *back)
{
	uint8_t *memory = back->memory[back->here];

	back->former = mremap(memory, SIZE, SIZE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL);
	if (back->former == MAP_FAILED)
		fail("cannot take the memory of a slot away: %m");
	make_new(back);
}

static void clear_former(struct comeback *back)
{
	unmap(back->former, SIZE);
}

static void log_writes(struct comeback *back)
{
	make_new(back);
	set_slot(back, back->here, KVM_MEM_LOG_DIRTY_PAGES, GUEST_DATA, SIZE);
}

static void check_log(const struct comeback *back, bool smm)
{
	uint64_t log = vm_dirty_log(&back->vm, SLOT_DATA + back->here, smm), all = (1ull << PAGES) - 1;

	if (log != all)
		fail("expected all pages in the slot's dirty log%s, as the guest wrote to each (%s), got %#llx of %#llx",
		     smm ? " of SMM" : "", back->way->what, (unsigned long long)log, (unsigned long long)all);
}

static void check_logs(struct comeback *back)
{
	check_log(back, false);
	if (back->visits)
		check_log(back, true);
	set_slot(back, back->here, 0, GUEST_DATA, SIZE);
}

static const struct {
	const char *what;
	void (*make)(struct comeback *);
	void (*clear)(struct comeback *);
} changes[] = {
	{"the slot was replaced", replace_slot, NULL},
	{"the slot was moved away", move_slot, clear_moved},
	{"the memory behind the slot was exchanged", exchange_memory, clear_former},
	{"writes to the slot were to be logged", log_writes, check_logs},
};

/* ---- what was done there */

static void check_count(const struct comeback *back, const char *when, unsigned int word, uint32_t expected,
			const char *who)
{
	for (uint32_t page = 0; page < PAGES; page++)
		if (page_of(back, page)[word] != expected)
			fail("expected %s to have counted to %u in page %u after %s (%s), got %u", who, expected, page, when,
			     back->way->what, page_of(back, page)[word]);
}

static void check_tags(const struct comeback *back, const char *when)
{
	if (back->visit->wrong)
		fail("expected SMM to read the tags of %#x and up after %s, got %u others (the last, %#x, at %#x)",
		     back->visit->tag, when, back->visit->wrong, back->visit->wrong_got, back->visit->wrong_gpa);
}

static void check(const struct comeback *back, const char *when)
{
	for (unsigned int i = 0; i < VCPUS; i++) {
		const struct roots_board *board = back->boards[i];

		check_count(back, when, FIRST_VCPU + i + ROOTS_L2_WORD, board->passed - back->passed[i], "the guest");
		check_count(back, when, FIRST_VCPU + i + ROOTS_L3_WORD, board->l3_passed - back->l3_passed[i],
			    "the guest's guest");
	}
	check_tags(back, when);
	check_count(back, when, SMM_WORD / sizeof(uint32_t), back->visits, "SMM");
}

/* ---- all of it */

static void add_vcpu(struct comeback *back, unsigned int i)
{
	const struct way *way = back->way;

	*back->boards[i] = (struct roots_board){
		.passes = 1,
		.pages = PAGES,
		.every = !!way->changes,
		.changes = way->changes,
		.paging = way->paging && back->host->last_paging != PAGING_64 ? PAGING_32 : way->paging,
		.fallback = back->host->last_paging,
		.l3_stops = way->l3_stops,
	};
	vcpu_create(&back->vm, FIRST_VCPU + i, &back->vcpus[i]);
	vcpu_set_cpuid(&back->vcpus[i], back->host->cpuid);
	vcpu_reset(&back->vcpus[i]);
}

static void set_up(struct comeback *back)
{
	const struct way *way = back->way;

	LOAD(&back->vm, roots);
	if (way->leave == stop_in_smm)
		vm_load(&back->vm, SMM_ENTRY, guest_smi_stop, (size_t)(guest_smi_stop_end - guest_smi_stop));
	else if (way->smm)
		vm_load(&back->vm, SMM_ENTRY, guest_smi_visit, (size_t)(guest_smi_visit_end - guest_smi_visit));
	paging_write(&back->vm);
	back->visit = (struct smm_visit *)(back->vm.low + SMM_VISIT);
	back->visit->tag = FIRST_TAG;
	for (unsigned int i = 0; i < 2; i++)
		back->memory[i] = memory_for_slot(SIZE, MAP_PRIVATE);
	for (unsigned int i = 0; i < VCPUS; i++)
		back->boards[i] = vm_board(&back->vm, FIRST_VCPU + i);
	put_other_here(back);
	for (unsigned int i = 0; i < 1u + way->two; i++)
		add_vcpu(back, i);
}

static void clean_up(struct comeback *back)
{
	for (unsigned int i = 0; i < VCPUS; i++)
		done->l2_entries += back->boards[i]->passed;
	vm_destroy(&back->vm, back->vcpus, 1u + back->way->two);
	for (unsigned int i = 0; i < 2; i++)
		unmap(back->memory[i], SIZE);
}

/* A change may have had all of them dropped, and the next one needs something to go wrong with. */
static void fill_roots(struct comeback *back)
{
	back->way->come(back);
	if (back->way->two) {
		back->way->leave(back);
		back->way->come(back);
	}
	check(back, "no change at all");
}

static void go_and_come_back(struct comeback *back, unsigned int kind)
{
	set_up(back);
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		fill_roots(back);
		back->way->leave(back);
		changes[i].make(back);
		back->way->come(back);
		check(back, changes[i].what);
		if (changes[i].clear)
			changes[i].clear(back);
		did(kind);
	}
	clean_up(back);
}

static void try(const struct comeback_host *host, const struct way *way, unsigned int kind)
{
	struct comeback back = {.host = host, .way = way};

	watch(0, way->what);
	vm_create(host->kvm, &back.vm);
	if (!way->smm || vm_allow_smi(&back.vm))
		return go_and_come_back(&back, kind);
	printf("left out: %s, as KVM does not emulate SMM here\n", way->what);
	vm_destroy(&back.vm, NULL, 0);
}

void comebacks(const struct comeback_host *host, unsigned int kind, double end)
{
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		if (elapsed() >= end)
			printf("left out: %s, as time is short\n", ways[i].what);
		else if (!(ways[i].changes & ~host->changes))
			try(host, &ways[i], kind);
	fflush(stdout);
}
