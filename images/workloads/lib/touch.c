#define _GNU_SOURCE
#include "touch.h"

#include <errno.h>
#include <sched.h>
#include <string.h>

#include "workload.h"

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
	if (++toucher->entered == toucher->stretches || toucher->stop)
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
	if (stop == STOP_HOLE && toucher->holes) {
		memset(run->mmio.data, 0, sizeof(run->mmio.data));
		return true;
	}
	if ((stop == STOP_CLOSED || stop == STOP_BAD_MEMORY) && !toucher->stretches)
		return false;
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

void toucher_start(struct toucher *toucher)
{
	errno = pthread_create(&toucher->thread, NULL, run_it, toucher);
	if (errno)
		fail("cannot start a thread: %m");
}

void toucher_join(struct toucher *toucher)
{
	pthread_join(toucher->thread, NULL);
	count_work(toucher);
}

void toucher_wait_for_work(const struct toucher *toucher)
{
	while (!toucher->entered && !toucher->ended)
		sched_yield();
}
