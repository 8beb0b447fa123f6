/*
 * root-churn: roots of the MMU dropped and had again.
 *
 * First, vCPUs come back to roots that nobody used while slots changed (lib/comeback.c): what a KVM that keeps roots
 * gets wrong shows here at once.
 *
 * Then the exact part: one vCPU makes a fixed number of passes over some pages, with a fixed number of operations in
 * between: changes of control registers, SMIs, guests of its own, changes of memory slots. Some make KVM drop the
 * vCPU's root, others must not. A KVM that keeps unused roots finds its old one again; one that frees them, or zaps
 * more than it has to, must fault every page in anew. Nothing here depends on time, so the same kernel gives the same
 * numbers.
 *
 * Then, until the time is over and for half of it at least, many short VMs that do all of it at once, to shake out what
 * is wrong with keeping, zapping and freeing roots.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/comeback.h"
#include "lib/cpuid.h"
#include "lib/paging.h"
#include "lib/random.h"
#include "lib/roots.h"
#include "lib/stats.h"
#include "lib/touch.h"
#include "lib/vm.h"
#include "lib/watch.h"
#include "lib/workload.h"

#define EXACT_PAGES 64
#define EXACT_PASSES 300
#define EXACT_OPERATIONS 10
#define CHURN_PAGES 16
#define LEAST_VMS 8 /* of the second part, if there is time */
#define MOST_STRETCHES 8

#define SLOT_OTHER (SLOT_DATA + 1)
#define GUEST_OTHER 0x400000 /* nobody looks there */
#define GUEST_ELSEWHERE 0x500000

/* What is counted; the first ones are changes that guests make. */
enum {
	SMIS = CHANGES, SMIS_IN_L3, SLOTS_REPLACED, SLOTS_FLAGGED, OTHER_SLOTS, PAGES_DROPPED, CPUID_CHANGES, LATE_VCPUS,
	CLOSED_IN_L3, COMEBACKS, VMS, KINDS,
};

static const char *const kinds[] = {
	[CHANGE_WP] = "cr0_wp_changes", [CHANGE_PG] = "cr0_pg_changes", [CHANGE_PSE] = "cr4_pse_changes",
	[CHANGE_PGE] = "cr4_pge_changes", [CHANGE_SMEP] = "cr4_smep_changes", [CHANGE_NX] = "efer_nx_changes",
	[CHANGE_PAGING] = "paging_changes", [CHANGE_L3] = "l3_runs", [CHANGE_L3_NESTED] = "l3_runs_nested_paging",
	[SMIS] = "smis", [SMIS_IN_L3] = "smis_in_l3", [SLOTS_REPLACED] = "slots_replaced",
	[SLOTS_FLAGGED] = "slots_flagged", [OTHER_SLOTS] = "other_slots_changed", [PAGES_DROPPED] = "pages_dropped",
	[CPUID_CHANGES] = "cpuid_changes", [LATE_VCPUS] = "late_vcpus", [CLOSED_IN_L3] = "vcpus_closed_in_l3",
	[COMEBACKS] = "comebacks", [VMS] = "vms",
};

static const struct program program = {
	.what = "Make KVM drop, switch and rebuild MMU roots in every way; count the page faults that takes.",
	.vcpus = 1,
	.threads = 1,
	.kinds = kinds,
	.kinds_count = KINDS,
};

/* What guests can do on this host, found out once. */
struct host {
	int kvm;
	struct cpuid cpuid;
	uint32_t changes; /* bits by enum roots_change */
	bool long_mode;
};

static struct host look_at_host(int kvm)
{
	struct host host = {.kvm = kvm, .cpuid = cpuid_supported(kvm)};
	const struct cpuid *cpuid = &host.cpuid;

	host.long_mode = cpuid_has_long_mode(cpuid);
	host.changes = 1 << CHANGE_WP | 1 << CHANGE_PG | 1 << CHANGE_PSE | (uint32_t)host.long_mode << CHANGE_PAGING |
		       (uint32_t)cpuid_has_pge(cpuid) << CHANGE_PGE | (uint32_t)cpuid_has_smep(cpuid) << CHANGE_SMEP |
		       (uint32_t)cpuid_has_nx(cpuid) << CHANGE_NX | (uint32_t)cpuid_has_svm(cpuid) << CHANGE_L3 |
		       (uint32_t)cpuid_has_nested_paging(cpuid) << CHANGE_L3_NESTED;
	return host;
}

static enum paging last_paging(const struct host *host)
{
	return host->long_mode ? PAGING_64 : PAGING_32;
}

static bool can(const struct host *host, enum roots_change change)
{
	return host->changes >> change & 1;
}

static void say_what_is_left_out(const struct host *host)
{
	for (unsigned int change = 0; change < CHANGES; change++)
		if (!can(host, change))
			printf("left out: %s, which KVM does not offer to guests here\n", kinds[change]);
	fflush(stdout);
}

/* ---- exact: toggles of CR4.PSE with paging off */

/* Every page must have been counted up once in each pass. */
static void check_words(const uint32_t *data, uint32_t word, uint32_t pages, uint32_t passes)
{
	for (uint32_t page = 0; page < pages; page++)
		if (data[page * PAGE / sizeof(*data) + word] != passes)
			fail("expected the guest to have counted to %u in page %u, got %u", passes, page,
			     data[page * PAGE / sizeof(*data) + word]);
}

static void report(int fd, const char *statistic, const char *label, const char *unit, uint32_t operations)
{
	int stats = stats_open(fd);
	char name[64];

	snprintf(name, sizeof(name), "%s_%s", statistic, label);
	metric_exact(name, stats_read(stats, statistic), unit, operations);
	shut(stats);
}

static void report_faults(const struct vcpu *vcpu, const char *label, uint32_t operations)
{
	report(vcpu->fd, "pf_fixed", label, "faults", operations);
	report(vcpu->fd, "pf_taken", label, "faults", operations);
}

/* Nested page tables are shadowed. */
static void report_shadow_pages(const struct vm *vm, const char *label)
{
	report(vm->fd, "mmu_cache_miss", label, "pages", EXACT_OPERATIONS);
	report(vm->fd, "mmu_shadow_zapped", label, "pages", EXACT_OPERATIONS);
}

static void exact_toggles(int kvm, const char *label, uint32_t toggles)
{
	uint32_t *data = memory_for_slot(EXACT_PAGES * PAGE, MAP_PRIVATE);
	struct touch_board *board;
	struct vm vm;
	struct vcpu vcpu;

	vm_create(kvm, &vm);
	LOAD(&vm, touch);
	if (vm_set_slot(&vm, SLOT_DATA, 0, GUEST_DATA, EXACT_PAGES * PAGE, data))
		fail("expected the data slot to be set");
	board = vm_board(&vm, 0);
	*board = (struct touch_board){
		.passes = EXACT_PASSES, .pages = EXACT_PAGES, .toggle_every = toggles ? EXACT_PASSES / toggles : 0};
	vcpu_create(&vm, 0, &vcpu);
	vcpu_reset(&vcpu);
	vcpu_run_to_report(&vcpu);
	if (board->passed != EXACT_PASSES || board->toggled != toggles)
		fail("expected %d passes with %u toggles, got %u with %u", EXACT_PASSES, toggles, board->passed,
		     board->toggled);
	check_words(data, 0, EXACT_PAGES, EXACT_PASSES);
	report_faults(&vcpu, label, toggles);
	done->l2_entries += board->passed;
	done->iterations++;
	vm_destroy(&vm, &vcpu, 1);
	unmap(data, EXACT_PAGES * PAGE);
}

/* ---- exact: operations of every kind, one between each two passes */

struct exact {
	const struct host *host;
	struct vm vm, second;
	struct vcpu vcpu;
	struct roots_board *board;
	uint8_t *data, *other;
	uint32_t count; /* operations so far */
	uint64_t flushes; /* asked for before them */
};

struct operation {
	const char *name;
	enum paging paging;
	uint32_t changes; /* bits by enum roots_change: what the guest does itself */
	void (*act)(struct exact *); /* what is done to it */
	bool smm, second; /* it needs SMIs, a second VM */
	bool keeps_roots; /* zapping a root flushes as often as it yields, so only without is the number of flushes exact */
};

static void send_smi(struct exact *exact)
{
	vcpu_smi(&exact->vcpu);
}

static void replace(const struct vm *vm, uint32_t slot, uint64_t gpa, uint64_t size, void *memory)
{
	vm_must_set_slot(vm, slot, 0, gpa, 0, NULL);
	vm_must_set_slot(vm, slot, 0, gpa, size, memory);
}

static void replace_other(struct exact *exact)
{
	replace(&exact->vm, SLOT_OTHER, GUEST_OTHER, PAGE, exact->other);
}

static void replace_data(struct exact *exact)
{
	replace(&exact->vm, SLOT_DATA, GUEST_DATA, EXACT_PAGES * PAGE, exact->data);
}

static void replace_in_second(struct exact *exact)
{
	replace(&exact->second, SLOT_OTHER, GUEST_OTHER, PAGE, exact->other);
}

static void move_other(struct exact *exact)
{
	vm_must_set_slot(&exact->vm, SLOT_OTHER, 0, exact->count % 2 ? GUEST_OTHER : GUEST_ELSEWHERE, PAGE, exact->other);
}

static uint32_t logging(const struct exact *exact)
{
	return exact->count % 2 ? 0 : KVM_MEM_LOG_DIRTY_PAGES;
}

static void log_other(struct exact *exact)
{
	vm_must_set_slot(&exact->vm, SLOT_OTHER, logging(exact), GUEST_OTHER, PAGE, exact->other);
}

static void log_data(struct exact *exact)
{
	vm_must_set_slot(&exact->vm, SLOT_DATA, logging(exact), GUEST_DATA, EXACT_PAGES * PAGE, exact->data);
}

static void add_slot(struct exact *exact)
{
	vm_must_set_slot(&exact->vm, SLOT_OTHER + 1 + exact->count, 0, GUEST_ELSEWHERE + exact->count * PAGE, PAGE, exact->other);
}

/* What was in the page is put back, so that the guest's count stays right. */
static void drop_page(struct exact *exact)
{
	uint8_t before[PAGE];

	memcpy(before, exact->data, PAGE);
	if (madvise(exact->data, PAGE, MADV_DONTNEED))
		fail("cannot drop a page: %m");
	memcpy(exact->data, before, PAGE);
}

static void drop_page_elsewhere(struct exact *exact)
{
	if (madvise(exact->other, PAGE, MADV_DONTNEED))
		fail("cannot drop a page: %m");
}

static void set_cpuid_again(struct exact *exact)
{
	int error = vcpu_set_cpuid(&exact->vcpu, &exact->host->cpuid);

	if (error && error != EINVAL) /* kernels differ in whether they take even the same one after KVM_RUN */
		fail("expected KVM_SET_CPUID2 to succeed or be refused, got: %s", strerror(error));
}

static const struct operation operations[] = {
	{.name = "nothing", .keeps_roots = true},
	{.name = "nothing_paging_64", .paging = PAGING_64, .keeps_roots = true},
	{.name = "cr4_pse", .changes = 1 << CHANGE_PSE},
	{.name = "cr4_pse_paging_32", .paging = PAGING_32, .changes = 1 << CHANGE_PSE},
	{.name = "cr4_pge", .paging = PAGING_64, .changes = 1 << CHANGE_PGE, .keeps_roots = true},
	{.name = "cr4_smep", .paging = PAGING_64, .changes = 1 << CHANGE_SMEP},
	{.name = "cr0_wp", .paging = PAGING_32, .changes = 1 << CHANGE_WP, .keeps_roots = true},
	{.name = "cr0_pg_32", .paging = PAGING_32, .changes = 1 << CHANGE_PG},
	{.name = "cr0_pg_64", .paging = PAGING_64, .changes = 1 << CHANGE_PG},
	{.name = "efer_nx", .paging = PAGING_PAE, .changes = 1 << CHANGE_NX},
	{.name = "paging", .changes = 1 << CHANGE_PAGING},
	{.name = "l3_32", .paging = PAGING_32, .changes = 1 << CHANGE_L3, .keeps_roots = true},
	{.name = "l3_64", .paging = PAGING_64, .changes = 1 << CHANGE_L3, .keeps_roots = true},
	{.name = "l3_nested_32", .paging = PAGING_32, .changes = 1 << CHANGE_L3_NESTED, .keeps_roots = true},
	{.name = "l3_nested_64", .paging = PAGING_64, .changes = 1 << CHANGE_L3_NESTED, .keeps_roots = true},
	{.name = "l3_nested_slot_replaced", .paging = PAGING_64, .changes = 1 << CHANGE_L3_NESTED, .act = replace_other},
	{.name = "l3_nested_page_dropped", .paging = PAGING_64, .changes = 1 << CHANGE_L3_NESTED, .act = drop_page},
	{.name = "smi", .act = send_smi, .smm = true},
	{.name = "smi_paging_64", .paging = PAGING_64, .act = send_smi, .smm = true},
	{.name = "other_slot_replaced", .act = replace_other},
	{.name = "other_slot_moved", .act = move_other},
	{.name = "other_slot_logged", .act = log_other, .keeps_roots = true},
	{.name = "slot_added", .act = add_slot, .keeps_roots = true},
	{.name = "slot_replaced", .act = replace_data},
	{.name = "slot_logged", .act = log_data, .keeps_roots = true},
	{.name = "page_dropped", .act = drop_page, .keeps_roots = true},
	{.name = "other_page_dropped", .act = drop_page_elsewhere, .keeps_roots = true},
	{.name = "second_vm", .act = replace_in_second, .second = true, .keeps_roots = true},
	{.name = "cpuid_again", .act = set_cpuid_again, .keeps_roots = true},
};

static struct exact exact_begin(const struct host *host, const struct operation *operation)
{
	struct exact exact = {
		.host = host,
		.data = memory_for_slot(EXACT_PAGES * PAGE, MAP_PRIVATE),
		.other = memory_for_slot(PAGE, MAP_PRIVATE),
	};

	vm_create(host->kvm, &exact.vm);
	if (operation->second)
		vm_create(host->kvm, &exact.second);
	LOAD(&exact.vm, roots);
	paging_write(&exact.vm);
	if (operation->smm)
		vm_allow_smi(&exact.vm);
	vm_must_set_slot(&exact.vm, SLOT_DATA, 0, GUEST_DATA, EXACT_PAGES * PAGE, exact.data);
	vm_must_set_slot(&exact.vm, SLOT_OTHER, 0, GUEST_OTHER, PAGE, exact.other);
	if (operation->second)
		vm_must_set_slot(&exact.second, SLOT_OTHER, 0, GUEST_OTHER, PAGE, exact.other);
	exact.board = vm_board(&exact.vm, 0);
	vcpu_create(&exact.vm, 0, &exact.vcpu);
	vcpu_set_cpuid(&exact.vcpu, &host->cpuid);
	vcpu_reset(&exact.vcpu);
	return exact;
}

static uint64_t count_flushes(const struct vm *vm)
{
	int stats = stats_open(vm->fd);
	uint64_t count = stats_read(stats, "remote_tlb_flush_requests");

	shut(stats);
	return count;
}

static void report_flushes(const struct exact *exact, const char *label)
{
	char name[64];

	snprintf(name, sizeof(name), "remote_tlb_flush_requests_%s", label);
	metric_exact(name, count_flushes(&exact->vm) - exact->flushes, "flushes", EXACT_OPERATIONS);
}

static void exact_passes(struct exact *exact, const struct operation *operation)
{
	*exact->board = (struct roots_board){
		.passes = 1, .pages = EXACT_PAGES, .paging = operation->paging, .fallback = last_paging(exact->host)};
	vcpu_run_to_report(&exact->vcpu);
	exact->flushes = count_flushes(&exact->vm);
	exact->board->changes = operation->changes;
	exact->board->every = !!operation->changes;
	for (exact->count = 0; exact->count < EXACT_OPERATIONS; exact->count++) {
		if (operation->act)
			operation->act(exact);
		vcpu_run_to_report(&exact->vcpu);
	}
}

static void exact_check(const struct exact *exact, const struct operation *operation)
{
	uint32_t changed = 0, taken;

	for (unsigned int i = 0; i < CHANGES; i++)
		changed += exact->board->changed[i];
	if (changed != (operation->changes ? EXACT_OPERATIONS : 0))
		fail("expected the guest to have made %d changes for %s, got %u", EXACT_OPERATIONS, operation->name, changed);
	check_words((uint32_t *)exact->data, ROOTS_L2_WORD, EXACT_PAGES, EXACT_OPERATIONS + 1);
	check_words((uint32_t *)exact->data, ROOTS_L3_WORD, EXACT_PAGES, exact->board->l3_passed);
	memcpy(&taken, exact->vm.low + SMM_COUNT, sizeof(taken));
	if (taken != (operation->smm ? EXACT_OPERATIONS : 0))
		fail("expected the guest to have taken %d SMIs, got %u", EXACT_OPERATIONS, taken);
}

static void exact_end(struct exact *exact, const struct operation *operation)
{
	done->l2_entries += exact->board->passed;
	done->iterations++;
	vm_destroy(&exact->vm, &exact->vcpu, 1);
	if (operation->second)
		vm_destroy(&exact->second, NULL, 0);
	unmap(exact->data, EXACT_PAGES * PAGE);
	unmap(exact->other, PAGE);
}

static void exact_operation(const struct host *host, const struct operation *operation)
{
	struct exact exact = exact_begin(host, operation);

	if (operation->smm && !exact.vm.smm)
		printf("left out: %s, as KVM does not emulate SMM here\n", operation->name);
	else {
		exact_passes(&exact, operation);
		exact_check(&exact, operation);
		report_faults(&exact.vcpu, operation->name, EXACT_OPERATIONS);
		report(exact.vm.fd, "pages_4k", operation->name, "pages", 0);
		if (operation->keeps_roots)
			report_flushes(&exact, operation->name);
		if (operation->changes & 1 << CHANGE_L3_NESTED)
			report_shadow_pages(&exact.vm, operation->name);
	}
	exact_end(&exact, operation);
}

static bool can_do(const struct host *host, const struct operation *operation)
{
	return !(operation->changes & ~host->changes) && (operation->paging != PAGING_64 || host->long_mode);
}

static void come_back(const struct host *host, double end)
{
	struct comeback_host found = {
		.kvm = host->kvm, .cpuid = &host->cpuid, .changes = host->changes, .last_paging = last_paging(host)};

	comebacks(&found, COMEBACKS, end);
}

/* The toggles always, as much else as there is time for before `end`. */
static void exact(const struct host *host, double end)
{
	exact_toggles(host->kvm, "control", 0);
	exact_toggles(host->kvm, "30", 30);
	exact_toggles(host->kvm, "300", 300);
	for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++)
		if (elapsed() >= end) {
			printf("left out: %s, as time is short\n", operations[i].name);
		} else if (can_do(host, &operations[i])) {
			watch(0, operations[i].name);
			exact_operation(host, &operations[i]);
		}
	fflush(stdout);
}

/* ---- churn */

/* A thread that runs one vCPU for some stretches. */
struct toucher {
	const struct vcpu *vcpu;
	const volatile struct roots_board *board;
	uint32_t stretches; /* how many to run */
	bool smis; /* send it an SMI after each but the last of them */
	bool stay_in_l3; /* end as soon as a guest's guest has the vCPU */
	atomic_bool ended;
	uint32_t finished; /* stretches */
	uint32_t sent; /* SMIs */
	uint32_t counted; /* passes that are in done->l2_entries already */
	pthread_t thread;
};

static void count_work(struct toucher *toucher)
{
	uint32_t passed = toucher->board->passed;

	done->l2_entries += passed - toucher->counted;
	toucher->counted = passed;
}

static void count_smi(struct toucher *toucher)
{
	vcpu_smi(toucher->vcpu);
	toucher->sent++;
	done->kinds[toucher->board->in_l3 ? SMIS_IN_L3 : SMIS]++;
}

/* After a stretch. False when it was the last one. */
static bool go_on(struct toucher *toucher)
{
	count_work(toucher);
	if (++toucher->finished >= toucher->stretches)
		return false;
	if (toucher->stay_in_l3 && toucher->board->in_l3) {
		done->kinds[CLOSED_IN_L3]++;
		return false;
	}
	if (toucher->smis && toucher->board->now != PAGING_PAE) /* coming back would read its tables: see guest/roots.c */
		count_smi(toucher);
	return true;
}

static bool step(struct toucher *toucher)
{
	struct kvm_run *run = toucher->vcpu->run;
	enum stop stop = vcpu_run(toucher->vcpu);

	if (stop == STOP_REPORT)
		return go_on(toucher);
	if (stop == STOP_INTERRUPTED)
		return true;
	if (stop == STOP_HOLE) { /* the slot is just being replaced */
		memset(run->mmio.data, 0, sizeof(run->mmio.data));
		return true;
	}
	fail("expected vCPU %u to report after its stretch, got stop %d (exit reason %u; paging %u, change %u, in L3 %u, "
	     "whose last exit was %#x)",
	     toucher->vcpu->index, stop, run->exit_reason, toucher->board->now, toucher->board->last,
	     toucher->board->in_l3, toucher->board->wrong_exit);
}

static void *run_it(void *argument)
{
	struct toucher *toucher = argument;

	while (step(toucher))
		;
	toucher->ended = true;
	return NULL;
}

static void toucher_start(struct toucher *toucher)
{
	errno = pthread_create(&toucher->thread, NULL, run_it, toucher);
	if (errno)
		fail("cannot start a thread: %m");
}

static void toucher_join(struct toucher *toucher)
{
	pthread_join(toucher->thread, NULL);
	count_work(toucher);
	for (unsigned int i = 0; i < CHANGES; i++)
		done->kinds[i] += toucher->board->changed[i];
}

struct churn {
	const struct host *host;
	unsigned int vcpus; /* of a VM, and one more that comes late */
	struct choices choices;
	uint8_t *data, *other;
};

/* One VM of the second part. */
struct churned {
	struct vm vm;
	struct vcpu vcpus[MAX_VCPUS];
	struct toucher touchers[MAX_VCPUS];
	unsigned int count;
	uint32_t flags; /* of its data slot */
	bool other; /* is there the other slot? */
	bool smis;
};

/* ---- what the host does to it meanwhile */

static void churn_replace(struct churn *churn, struct churned *churned)
{
	vm_must_set_slot(&churned->vm, SLOT_DATA, 0, GUEST_DATA, 0, NULL);
	vm_must_set_slot(&churned->vm, SLOT_DATA, churned->flags, GUEST_DATA, CHURN_PAGES * PAGE, churn->data);
	done->kinds[SLOTS_REPLACED]++;
}

static void churn_flag(struct churn *churn, struct churned *churned)
{
	churned->flags ^= KVM_MEM_LOG_DIRTY_PAGES;
	vm_must_set_slot(&churned->vm, SLOT_DATA, churned->flags, GUEST_DATA, CHURN_PAGES * PAGE, churn->data);
	done->kinds[SLOTS_FLAGGED]++;
}

static void churn_other(struct churn *churn, struct churned *churned)
{
	churned->other = !churned->other;
	vm_must_set_slot(&churned->vm, SLOT_OTHER, 0, GUEST_OTHER, churned->other ? PAGE : 0, churn->other);
	done->kinds[OTHER_SLOTS]++;
}

static void churn_drop(struct churn *churn, struct churned *churned)
{
	(void)churned;
	if (madvise(churn->data + choose_below(&churn->choices, CHURN_PAGES) * PAGE, PAGE, MADV_DONTNEED))
		fail("cannot drop a page: %m");
	done->kinds[PAGES_DROPPED]++;
}

static void disturb(struct churn *churn, struct churned *churned)
{
	static void (*const ways[])(struct churn *, struct churned *) = {
		churn_replace, churn_replace, churn_flag, churn_other, churn_drop};

	ways[choose_below(&churn->choices, sizeof(ways) / sizeof(ways[0]))](churn, churned);
}

/* ---- its vCPUs */

/* Guests mostly get what KVM supports, some a smaller MAXPHYADDR; until they first run it may change. */
static void give_cpuid(struct churn *churn, const struct vcpu *vcpu)
{
	struct cpuid cpuid = churn->host->cpuid;
	uint32_t bits = cpuid_physical_bits(&cpuid);

	if (one_in(&churn->choices, 2) && bits > 36) {
		if (one_in(&churn->choices, 2))
			vcpu_set_cpuid(vcpu, &cpuid);
		cpuid_set_physical_bits(&cpuid, 36 + choose_below(&churn->choices, bits - 36));
		done->kinds[CPUID_CHANGES]++;
	}
	errno = vcpu_set_cpuid(vcpu, &cpuid);
	if (errno)
		fail("expected KVM_SET_CPUID2 to succeed before the vCPU runs, got: %m");
}

static enum paging choose_paging(struct churn *churn)
{
	return choose_below(&churn->choices, 1 + last_paging(churn->host));
}

/* Any of what can be changed here, at least one. */
static uint32_t choose_changes(struct churn *churn)
{
	uint32_t changes;

	do
		changes = choose_below(&churn->choices, 1 << CHANGES) & churn->host->changes;
	while (!changes);
	return changes;
}

static void add_vcpu(struct churn *churn, struct churned *churned)
{
	unsigned int index = churned->count++;
	struct roots_board *board = vm_board(&churned->vm, index);

	*board = (struct roots_board){
		.passes = 1 + choose_below(&churn->choices, 8),
		.pages = 1 + choose_below(&churn->choices, CHURN_PAGES),
		.every = 1 + choose_below(&churn->choices, 2),
		.changes = choose_changes(churn),
		.paging = choose_paging(churn),
		.fallback = last_paging(churn->host),
		.l3_stops = one_in(&churn->choices, 2),
	};
	vcpu_create(&churned->vm, index, &churned->vcpus[index]);
	give_cpuid(churn, &churned->vcpus[index]);
	vcpu_reset(&churned->vcpus[index]);
	churned->touchers[index] = (struct toucher){
		.vcpu = &churned->vcpus[index],
		.board = board,
		.stretches = 1 + choose_below(&churn->choices, MOST_STRETCHES),
		.stay_in_l3 = one_in(&churn->choices, 4),
		/* All vCPUs have the same SMBASE, so only one can be in SMM at a time. */
		.smis = churned->smis && index == 0,
	};
}

static bool all_ended(const struct churned *churned)
{
	for (unsigned int i = 0; i < churned->count; i++)
		if (!churned->touchers[i].ended)
			return false;
	return true;
}

static void run_vcpus(struct churn *churn, struct churned *churned)
{
	bool late = churned->count < MAX_VCPUS && one_in(&churn->choices, 3);
	bool disturbed = !one_in(&churn->choices, 4);

	for (unsigned int i = 0; i < churned->count; i++)
		toucher_start(&churned->touchers[i]);
	while (disturbed && !all_ended(churned))
		disturb(churn, churned);
	if (late) {
		add_vcpu(churn, churned);
		toucher_start(&churned->touchers[churned->count - 1]);
		done->kinds[LATE_VCPUS]++;
	}
	for (unsigned int i = 0; i < churned->count; i++)
		toucher_join(&churned->touchers[i]);
}

static void check_smis(const struct churned *churned)
{
	uint32_t taken;

	memcpy(&taken, churned->vm.low + SMM_COUNT, sizeof(taken));
	if (taken != churned->touchers[0].sent)
		fail("expected the guest to have taken %u SMIs, got %u", churned->touchers[0].sent, taken);
}

static void one_vm(struct churn *churn)
{
	struct churned churned = {0};

	vm_create(churn->host->kvm, &churned.vm);
	LOAD(&churned.vm, roots);
	paging_write(&churned.vm);
	churned.smis = one_in(&churn->choices, 2) && vm_allow_smi(&churned.vm);
	vm_must_set_slot(&churned.vm, SLOT_DATA, 0, GUEST_DATA, CHURN_PAGES * PAGE, churn->data);
	while (churned.count < churn->vcpus)
		add_vcpu(churn, &churned);
	run_vcpus(churn, &churned);
	check_smis(&churned);
	vm_destroy(&churned.vm, churned.vcpus, churned.count);
	did(VMS);
}

/* Until `end`, and some VMs at least. */
static bool goes_on(double end)
{
	uint64_t vms = done->kinds[VMS];

	return elapsed() < last_second() ? vms < LEAST_VMS || elapsed() < end : !vms;
}

/* Process number `process` of those that do the same. */
static void churn(const struct host *host, const struct options *options, unsigned int process)
{
	struct churn churn = {
		.host = host,
		.vcpus = options->vcpus,
		.choices = choices_for(options->seed, process),
		.data = memory_for_slot(CHURN_PAGES * PAGE, MAP_PRIVATE),
		.other = memory_for_slot(PAGE, MAP_PRIVATE),
	};
	double end = elapsed() + options->seconds / 2.0;

	if (end < options->seconds)
		end = options->seconds;
	while (goes_on(end)) {
		watch(process, "a VM with changes of every kind");
		one_vm(&churn);
	}
	watch(process, NULL);
}

static void start_process(const struct host *host, const struct options *options, unsigned int process)
{
	pid_t parent = getpid(), child = fork();

	if (child < 0)
		fail("cannot make a child: %m");
	if (child)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() == parent)
		churn(host, options, process);
	_exit(PASSED);
}

static void churn_in_processes(const struct host *host, const struct options *options)
{
	int status;

	for (unsigned int i = 1; i < options->threads; i++)
		start_process(host, options, i);
	churn(host, options, 0);
	for (unsigned int i = 1; i < options->threads; i++)
		if (wait(&status) < 0 || status)
			fail("expected every process to exit with 0, got wait status %#x", status);
}

int main(int argc, char **argv)
{
	struct options options = begin(argc, argv, &program);
	struct host host = look_at_host(kvm_open());
	double end_of_first = last_second() - options.seconds / 2.0; /* half of what was asked for is for the last part */

	watch_start(options.threads);
	say_what_is_left_out(&host);
	come_back(&host, end_of_first / 2);
	exact(&host, end_of_first);
	churn_in_processes(&host, &options);
	return end();
}
