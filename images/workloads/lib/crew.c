#define _GNU_SOURCE
#include "crew.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "watch.h"
#include "workload.h"

#define WORK "visits of a vCPU"
#define LONGEST_WAIT 20000

struct crew_counts crew_counts;

static void start_thread(pthread_t *thread, void *(*work)(void *), void *argument)
{
	errno = pthread_create(thread, NULL, work, argument);
	if (errno)
		fail("cannot start a thread: %m");
}

/* ---- one vCPU */

static void tell_wrong(const struct visit_board *board)
{
	static const char *const acts[] = {"read", "wrote", "called", "read beside the slot", "wrote, and read by its alias,"};
	static const char *const kinds[] = {"absent", "writable", "read-only"};

	fail("expected %#x when a guest %s at %#x in slot %u (%s), got %#x: stale or wrong mapping", board->wrong_expected,
	     acts[board->wrong_act], board->wrong_gpa, board->wrong_slot, kinds[board->wrong_kind], board->wrong_got);
}

static void count_work(struct runner *runner)
{
	uint32_t visits = runner->board->visits;

	done->l2_entries += visits - runner->counted;
	runner->counted = visits;
}

static void interrupted(struct runner *runner)
{
	if (runner->vcpu.run->exit_reason != KVM_EXIT_DIRTY_RING_FULL)
		return;
	crew_counts.rings_full++;
	runner->crew->ring_full(runner->crew->argument);
}

static void report(struct runner *runner)
{
	struct crew *crew = runner->crew;

	watch(runner->vcpu.index, WORK);
	crew->stretches++;
	if (runner->vcpu.index == 0 && crew->smis) {
		vcpu_smi(&runner->vcpu);
		crew->smis--;
	}
}

static void run_once(struct runner *runner)
{
	enum stop stop = vcpu_run(&runner->vcpu);

	count_work(runner);
	switch (stop) {
	case STOP_REPORT:
		report(runner);
		break;
	case STOP_WRONG:
		tell_wrong(runner->board);
		break;
	case STOP_HOLE:
		memset(runner->vcpu.run->mmio.data, 0xff, sizeof(runner->vcpu.run->mmio.data));
		crew_counts.holes++;
		break;
	case STOP_BAD_MEMORY:
		crew_counts.bad_memory++;
		break;
	case STOP_LOST:
		vcpu_reset(&runner->vcpu);
		crew_counts.lost++;
		break;
	case STOP_INTERRUPTED:
		interrupted(runner);
		break;
	}
}

static void rest(struct runner *runner)
{
	struct crew *crew = runner->crew;

	watch(runner->vcpu.index, NULL);
	pthread_mutex_lock(&crew->pausing);
	crew->resting++;
	pthread_cond_broadcast(&crew->paused);
	while (crew->pause)
		pthread_cond_wait(&crew->paused, &crew->pausing);
	crew->resting--;
	pthread_mutex_unlock(&crew->pausing);
	watch(runner->vcpu.index, WORK);
}

static void *run_vcpu(void *argument)
{
	struct runner *runner = argument;

	watch(runner->vcpu.index, WORK);
	while (!runner->crew->stop) {
		run_once(runner);
		if (runner->crew->pause)
			rest(runner);
	}
	watch(runner->vcpu.index, NULL);
	return NULL;
}

/* ---- all of them */

static void hire(struct crew *crew, uint32_t index, uint32_t random)
{
	struct runner *runner = &crew->runners[index];

	*runner = (struct runner){.crew = crew, .board = vm_board(crew->vm, index)};
	runner->board->random = random | 1;
	vcpu_create(crew->vm, index, &runner->vcpu);
	vcpu_reset(&runner->vcpu);
}

void crew_hire(struct crew *crew, const struct vm *vm, unsigned int vcpus, struct choices *choices)
{
	*crew = (struct crew){
		.vm = vm,
		.count = vcpus,
		.pausing = PTHREAD_MUTEX_INITIALIZER,
		.paused = PTHREAD_COND_INITIALIZER,
	};
	for (unsigned int i = 0; i < vcpus; i++)
		hire(crew, i, (uint32_t)choose(choices));
}

void crew_start(struct crew *crew)
{
	for (unsigned int i = 0; i < crew->count; i++)
		start_thread(&crew->runners[i].thread, run_vcpu, &crew->runners[i]);
}

void crew_wait(unsigned int *microseconds)
{
	*microseconds = *microseconds ? *microseconds * 2 : 100;
	if (*microseconds > LONGEST_WAIT)
		*microseconds = LONGEST_WAIT;
	usleep(*microseconds);
}

void crew_work(struct crew *crew, unsigned int stretches)
{
	uint32_t before = crew->stretches;
	unsigned int microseconds = 0;

	while (crew->stretches - before < stretches * crew->count)
		crew_wait(&microseconds);
}

void crew_pause(struct crew *crew)
{
	pthread_mutex_lock(&crew->pausing);
	crew->pause = true;
	while (crew->resting < crew->count)
		pthread_cond_wait(&crew->paused, &crew->pausing);
	pthread_mutex_unlock(&crew->pausing);
}

void crew_resume(struct crew *crew)
{
	pthread_mutex_lock(&crew->pausing);
	crew->pause = false;
	pthread_cond_broadcast(&crew->paused);
	pthread_mutex_unlock(&crew->pausing);
}

static void dismiss(struct runner *runner)
{
	pthread_join(runner->thread, NULL);
	count_work(runner);
	if (!runner->board->visits)
		fail("expected vCPU %u to have done something, got 0 visits", runner->vcpu.index);
	crew_counts.checked += runner->board->checked;
	crew_counts.calls += runner->board->calls;
	crew_counts.witnessed += runner->board->witnessed;
}

void crew_dismiss(struct crew *crew)
{
	crew->stop = true;
	for (unsigned int i = 0; i < crew->count; i++)
		dismiss(&crew->runners[i]);
	for (unsigned int i = 0; i < crew->count; i++)
		vcpu_destroy(&crew->runners[i].vcpu);
}
