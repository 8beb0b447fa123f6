/* A VM that comes only to go again: its memory, its vCPUs and their threads, and what keeps it. */
#ifndef LODGER_H
#define LODGER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "cpuid.h"
#include "hold.h"
#include "random.h"
#include "vm.h"

#define LODGER_PAGES 16
#define LODGER_DATA (LODGER_PAGES * PAGE) /* in SLOT_DATA, at GUEST_DATA */

/* What a process makes lodgers of. */
struct inn {
	int kvm;
	unsigned int vcpus; /* of a usual lodger */
	struct cpuid cpuid; /* what KVM supports */
	struct choices choices;
	_Atomic uint64_t *vms; /* made by all processes */
};

/* Perhaps at work, in the guest program "touch". */
struct lodger {
	struct vm vm;
	unsigned int count;
	struct vcpu vcpus[MAX_VCPUS];
	pthread_t threads[MAX_VCPUS];
	void *data;
	bool nested; /* it runs "roots", with guests of its own */
	bool asleep; /* its vCPUs are in KVM_RUN and don't come back, so nothing can be asked of them */
	struct holds extras; /* what keeps it beside all this */
};

/* Without memory and vCPUs; with memory; with vCPUs too. */
struct lodger lodger_make_bare(struct inn *inn);
struct lodger lodger_make_empty(struct inn *inn);
struct lodger lodger_make(struct inn *inn, unsigned int vcpus);
struct lodger lodger_make_usual(struct inn *inn);
/* Its vCPUs work in guests of their own. */
struct lodger lodger_make_nested(struct inn *inn);

/* Have so many vCPUs. */
void lodger_add_vcpus(struct inn *inn, struct lodger *lodger, unsigned int count);
/* One more, that is not counted. */
void lodger_add_vcpu(struct inn *inn, struct lodger *lodger, uint32_t index);
/* Return 0 or the errno. */
int lodger_set_data(const struct lodger *lodger, uint32_t flags);
void lodger_delete_data(const struct lodger *lodger);

/* What a vCPU is to do, on its board. */
void lodger_order(struct inn *inn, const struct lodger *lodger, uint32_t index);
/* How often it has passed over its pages. */
uint32_t lodger_passed(const struct lodger *lodger, uint32_t index);
/* Run a vCPU until it reports. */
void lodger_run(const struct vcpu *vcpu);
/* The same with each, and count their work. */
void lodger_run_stretch(const struct lodger *lodger);

/* Have each work in a thread, until its file descriptor is closed. */
void lodger_start(struct lodger *lodger);
/* Have each sleep in one, in KVM_RUN. */
void lodger_sleep(struct lodger *lodger);
void lodger_join(const struct lodger *lodger);
/* Let lodger_interrupt() end KVM_RUN. Not while it runs. */
void lodger_interruptible(const struct lodger *lodger);
void lodger_interrupt(const struct lodger *lodger);

/* Let go of all that keeps it. */
void lodger_let_go(struct inn *inn, const struct lodger *lodger);
/* With its vCPUs in KVM_RUN. */
void lodger_let_go_at_work(struct inn *inn, const struct lodger *lodger);

#endif
