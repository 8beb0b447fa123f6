/* The vCPUs of a VM at work in the guest program "visit", each in a thread. */
#ifndef CREW_H
#define CREW_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "random.h"
#include "visit.h"
#include "vm.h"

struct runner {
	pthread_t thread;
	struct vcpu vcpu;
	struct visit_board *board;
	struct crew *crew;
	uint32_t counted; /* visits that are in done->l2_entries already */
};

struct crew {
	const struct vm *vm;
	unsigned int count;
	struct runner runners[MAX_VCPUS];
	_Atomic uint32_t stretches; /* of all vCPUs */
	atomic_bool stop;
	_Atomic uint32_t smis; /* that vCPU 0 is to take */
	void (*ring_full)(void *argument); /* called by a runner whose dirty ring is full */
	void *argument;
	pthread_mutex_t pausing;
	pthread_cond_t paused;
	bool pause;
	unsigned int resting;
};

/* What all crews have seen. */
struct crew_counts {
	_Atomic uint64_t checked, calls, witnessed, holes, bad_memory, lost, rings_full;
};

extern struct crew_counts crew_counts;

/* Load the guest program and create the vCPUs; what the caller has to do to them comes before crew_start(). */
void crew_hire(struct crew *crew, const struct vm *vm, unsigned int vcpus, struct choices *choices);
void crew_start(struct crew *crew);
/* Wait until the vCPUs have done so many stretches each, on average: where they outnumber the processors, one may wait. */
void crew_work(struct crew *crew, unsigned int stretches);
/* Sleep a little, longer each time: a short sleep takes an emulated processor longer than it lasts. 0 is where it begins. */
void crew_wait(unsigned int *microseconds);
/* Wait until no vCPU is at work, and let them go on. */
void crew_pause(struct crew *crew);
void crew_resume(struct crew *crew);
/* Stop them, look at what they did, and let go of them. */
void crew_dismiss(struct crew *crew);

#endif
