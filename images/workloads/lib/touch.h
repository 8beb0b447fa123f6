/* Guests that touch pages: what host and guest program tell each other, and threads that run them. */
#ifndef TOUCH_H
#define TOUCH_H

#include <stdint.h>

/* On the board of each vCPU. */
struct touch_board {
	uint32_t passes; /* host: passes over the pages in one stretch */
	uint32_t toggle_every; /* host: toggle CR4.PSE before each n-th pass; 0 for never */
	uint32_t pages; /* host: how many pages from GUEST_DATA on */
	uint32_t passed; /* guest: passes done since its start */
	uint32_t toggled; /* guest: toggles done since its start */
};

#if __STDC_HOSTED__

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "vm.h"

/* A thread that runs one vCPU. Zero it, set what is wanted, start it. */
struct toucher {
	const struct vcpu *vcpu;
	const volatile struct touch_board *board;
	uint32_t stretches; /* how many to run; 0 for as many as it can until the vCPU's file descriptor is closed */
	bool smis; /* send it an SMI after each but the last stretch */
	bool holes; /* its pages may be missing at times */
	atomic_bool stop; /* set it to have the thread end after the stretch it is in */
	atomic_bool ended;
	_Atomic uint32_t entered; /* stretches done */
	uint32_t sent; /* SMIs */
	uint32_t counted; /* passes that are in done->l2_entries already */
	pthread_t thread;
};

void toucher_start(struct toucher *toucher);
void toucher_join(struct toucher *toucher);
/* Wait until it has done a stretch, so that the guest really is at work. */
void toucher_wait_for_work(const struct toucher *toucher);

#endif
#endif
