#define _GNU_SOURCE
#include "crowd.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "child.h"
#include "workload.h"

#define CROWD_VMS 48 /* of each process, or as many as it has time for */
#define CROWD_SECONDS 2
#define CROWD_MIB 48 /* that each of them may need */

/* ---- one process */

/* A VM with memory that others have too, and one vCPU that has run. Nothing of it is let go of. */
static void join_crowd(struct inn *inn, const struct lodger *lodger, uint32_t index)
{
	struct vm vm;
	struct vcpu vcpu;

	vm_create_bare(inn->kvm, &vm);
	vm.low = lodger->vm.low;
	if (vm_set_slot(&vm, SLOT_LOW, 0, 0, LOW_SIZE, vm.low) ||
	    vm_set_slot(&vm, SLOT_DATA, 0, GUEST_DATA, LODGER_DATA, lodger->data))
		fail("expected the slots of a VM in a crowd to be set");
	vcpu_create(&vm, index, &vcpu);
	lodger_order(inn, lodger, index);
	vcpu_reset(&vcpu);
	lodger_run(&vcpu);
	done->l2_entries += lodger_passed(lodger, index);
	++*inn->vms;
}

static void make_vms(struct inn *inn)
{
	struct lodger lodger = lodger_make_empty(inn);
	double begun = elapsed();

	for (uint32_t i = 0; i < CROWD_VMS && (i < 2 || elapsed() < begun + CROWD_SECONDS); i++)
		join_crowd(inn, &lodger, i % MAX_VCPUS);
}

/* Return what it says by that it is ready. */
static int start_process(struct inn *inn, pid_t *child)
{
	int pipe_fds[2];

	*child = child_fork(pipe_fds);
	if (*child == 0) {
		make_vms(inn);
		child_wait_to_be_killed(pipe_fds[1]);
	}
	shut(pipe_fds[1]);
	return pipe_fds[0];
}

static void wait_for_process(int ready)
{
	char byte;

	if (read(ready, &byte, 1) != 1)
		fail("expected a process of a crowd to have its VMs");
	shut(ready);
}

/* ---- all of them */

static uint64_t available_mib(void)
{
	char line[100];
	unsigned long long kib = 0;
	FILE *file = fopen("/proc/meminfo", "re");

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "MemAvailable: %llu kB", &kib) == 1)
			break;
	if (file)
		fclose(file);
	return kib / 1024;
}

static unsigned int processes_that_fit(void)
{
	uint64_t fit = available_mib() / 2 / CROWD_MIB;

	return fit < 2 ? 2 : fit > CROWD_PROCESSES ? CROWD_PROCESSES : (unsigned int)fit;
}

void crowd_gather(struct crowd *crowd, struct inn *inn)
{
	crowd->count = processes_that_fit();
	for (unsigned int i = 0; i < crowd->count; i++)
		crowd->ready[i] = start_process(inn, &crowd->children[i]);
	for (unsigned int i = 0; i < crowd->count; i++)
		wait_for_process(crowd->ready[i]);
}

void crowd_kill(const struct crowd *crowd)
{
	for (unsigned int i = 0; i < crowd->count; i++)
		kill(crowd->children[i], SIGKILL);
	for (unsigned int i = 0; i < crowd->count; i++)
		child_wait(crowd->children[i], true);
}
