/*
 * root-churn: roots of the TDP MMU dropped and had again.
 *
 * First the exact part: one vCPU makes a fixed number of passes over some pages, with a fixed number of changes of
 * CR4.PSE in between. Each makes KVM drop the vCPU's root. A KVM that keeps unused roots finds its old one again; one that
 * frees them has to fault every page in anew. Nothing here depends on time, so the same kernel gives the same numbers.
 * Then, until the time is over, many short VMs that do the same with SMIs and slot updates in between, to shake out
 * what is wrong with keeping, zapping and freeing roots.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "lib/random.h"
#include "lib/stats.h"
#include "lib/touch.h"
#include "lib/vm.h"
#include "lib/workload.h"

#define EXACT_PAGES 64
#define EXACT_PASSES 300
#define CHURN_PAGES 16
#define LEAST_VMS 8 /* of the second part, however short the time */
#define MOST_STRETCHES 8

static const struct program program = {
	.what = "Toggle CR4.PSE so that KVM drops and rebuilds MMU roots; count the page faults that takes.",
	.vcpus = 1,
	.threads = 1,
};

/* ---- exact */

/* Every page must have been counted up once in each pass. */
static void check_words(const uint32_t *data, uint32_t pages, uint32_t passes)
{
	for (uint32_t page = 0; page < pages; page++)
		if (data[page * PAGE / sizeof(*data)] != passes)
			fail("expected the guest to have counted to %u in page %u, got %u", passes, page,
			     data[page * PAGE / sizeof(*data)]);
}

static void report_faults(const struct vcpu *vcpu, const char *label)
{
	static const char *const names[] = {"pf_fixed", "pf_taken"};
	int stats = stats_open(vcpu->fd);
	char name[64];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(name, sizeof(name), "%s_%s", names[i], label);
		metric_exact(name, stats_read(stats, names[i]), "faults");
	}
	shut(stats);
}

static void exact(int kvm, const char *label, uint32_t toggles)
{
	uint32_t *data = memory_for_slot(EXACT_PAGES * PAGE, MAP_PRIVATE);
	struct touch_board *board;
	struct vm vm;
	struct vcpu vcpu;
	enum stop stop;

	vm_create(kvm, &vm);
	LOAD(&vm, touch);
	if (vm_set_slot(&vm, SLOT_DATA, 0, GUEST_DATA, EXACT_PAGES * PAGE, data))
		fail("expected the data slot to be set");
	board = vm_board(&vm, 0);
	*board = (struct touch_board){
		.passes = EXACT_PASSES, .pages = EXACT_PAGES, .toggle_every = toggles ? EXACT_PASSES / toggles : 0};
	vcpu_create(&vm, 0, &vcpu);
	vcpu_reset(&vcpu);
	while ((stop = vcpu_run(&vcpu)) == STOP_INTERRUPTED)
		;
	if (stop != STOP_REPORT || board->passed != EXACT_PASSES || board->toggled != toggles)
		fail("expected %d passes with %u toggles, got %u with %u", EXACT_PASSES, toggles, board->passed,
		     board->toggled);
	check_words(data, EXACT_PAGES, EXACT_PASSES);
	report_faults(&vcpu, label);
	done->l2_entries += board->passed;
	done->iterations++;
	vm_destroy(&vm, &vcpu, 1);
	unmap(data, EXACT_PAGES * PAGE);
}

/* ---- churn */

/* A thread that runs one vCPU for some stretches. */
struct toucher {
	const struct vcpu *vcpu;
	const volatile struct touch_board *board;
	uint32_t stretches; /* how many to run */
	bool smis; /* send it an SMI after each but the last of them */
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

/* After a stretch. False when it was the last one. */
static bool go_on(struct toucher *toucher)
{
	count_work(toucher);
	if (++toucher->finished == toucher->stretches)
		return false;
	if (toucher->smis) {
		vcpu_smi(toucher->vcpu);
		toucher->sent++;
	}
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
	fail("expected vCPU %u to report after its stretch, got stop %d (exit reason %u)", toucher->vcpu->index, stop,
	     run->exit_reason);
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
}

struct churn {
	int kvm;
	unsigned int vcpus;
	struct choices choices;
	void *data;
	uint64_t vms, smis, toggles, slot_changes;
};

/* Take the data away and give it back, or turn dirty logging over: the first invalidates every root there is. */
static void change_slot(struct churn *churn, const struct vm *vm, uint32_t *flags)
{
	bool replace = !one_in(&churn->choices, 3);
	int error = 0;

	if (replace)
		error = vm_set_slot(vm, SLOT_DATA, 0, GUEST_DATA, 0, NULL);
	else
		*flags ^= KVM_MEM_LOG_DIRTY_PAGES;
	if (!error)
		error = vm_set_slot(vm, SLOT_DATA, *flags, GUEST_DATA, CHURN_PAGES * PAGE, churn->data);
	if (error)
		fail("expected the data slot to be %s, got: %s", replace ? "replaced" : "flagged", strerror(error));
	churn->slot_changes++;
}

static bool all_ended(const struct toucher *touchers, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		if (!touchers[i].ended)
			return false;
	return true;
}

static void start_vcpus(struct churn *churn, struct vm *vm, struct vcpu *vcpus, struct toucher *touchers, bool smis)
{
	for (unsigned int i = 0; i < churn->vcpus; i++) {
		struct touch_board *board = vm_board(vm, i);

		*board = (struct touch_board){
			.passes = 1 + choose_below(&churn->choices, 8),
			.pages = 1 + choose_below(&churn->choices, CHURN_PAGES),
			.toggle_every = 1 + choose_below(&churn->choices, 2),
		};
		vcpu_create(vm, i, &vcpus[i]);
		vcpu_reset(&vcpus[i]);
		touchers[i] = (struct toucher){
			.vcpu = &vcpus[i],
			.board = board,
			.stretches = 1 + choose_below(&churn->choices, MOST_STRETCHES),
			/* All vCPUs have the same SMBASE, so only one can be in SMM at a time. */
			.smis = smis && i == 0,
		};
	}
	for (unsigned int i = 0; i < churn->vcpus; i++)
		toucher_start(&touchers[i]);
}

static void finish_vcpus(struct churn *churn, const struct vm *vm, struct toucher *touchers)
{
	uint32_t taken;

	for (unsigned int i = 0; i < churn->vcpus; i++) {
		toucher_join(&touchers[i]);
		churn->toggles += touchers[i].board->toggled;
	}
	memcpy(&taken, vm->low + SMM_COUNT, sizeof(taken));
	if (taken != touchers[0].sent)
		fail("expected the guest to have taken %u SMIs, got %u", touchers[0].sent, taken);
	churn->smis += taken;
}

static void one_vm(struct churn *churn)
{
	struct vcpu vcpus[MAX_VCPUS];
	struct toucher touchers[MAX_VCPUS];
	uint32_t flags = 0;
	struct vm vm;
	bool smis, changes = !one_in(&churn->choices, 4);

	vm_create(churn->kvm, &vm);
	LOAD(&vm, touch);
	smis = one_in(&churn->choices, 2) && vm_allow_smi(&vm);
	if (vm_set_slot(&vm, SLOT_DATA, 0, GUEST_DATA, CHURN_PAGES * PAGE, churn->data))
		fail("expected the data slot to be set");
	start_vcpus(churn, &vm, vcpus, touchers, smis);
	while (changes && !all_ended(touchers, churn->vcpus))
		change_slot(churn, &vm, &flags);
	finish_vcpus(churn, &vm, touchers);
	vm_destroy(&vm, vcpus, churn->vcpus);
	churn->vms++;
	done->iterations++;
}

static void churn(int kvm, const struct options *options)
{
	struct churn churn = {
		.kvm = kvm,
		.vcpus = options->vcpus,
		.choices = choices_for(options->seed, 0),
		.data = memory_for_slot(CHURN_PAGES * PAGE, MAP_PRIVATE),
	};

	while (churn.vms < LEAST_VMS || elapsed() < options->seconds)
		one_vm(&churn);
	metric_count("vms", churn.vms, "VMs");
	metric_count("toggles", churn.toggles, "toggles");
	metric_count("smis", churn.smis, "SMIs");
	metric_count("slot_changes", churn.slot_changes, "changes");
}

int main(int argc, char **argv)
{
	struct options options = begin(argc, argv, &program);
	int kvm = kvm_open();

	exact(kvm, "control", 0);
	exact(kvm, "30", 30);
	exact(kvm, "300", 300);
	churn(kvm, &options);
	return end();
}
