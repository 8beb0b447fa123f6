/* What operations on KVM are tried on: VMs of one process, one of them with guests at work that notice if it breaks. */
#ifndef SCENE_H
#define SCENE_H

#include <stdbool.h>
#include <stdint.h>

#include "cpuid.h"
#include "vm.h"
#include "workload.h"

#define DATA_PAGES 8
#define DATA_SIZE (DATA_PAGES * PAGE)
#define HUGE_SIZE 0x200000
#define IDS_A_VM 128 /* vCPUs go only with their VM */

struct scene {
	struct options options;
	int kvm;
	int event, taken_event; /* the latter one is in use by `chip` */
	struct cpuid cpuid; /* what KVM supports */
	uint8_t *data; /* in SLOT_DATA, at GUEST_DATA */
	uint8_t *huge; /* HUGE_SIZE, where there can be a huge page */
	struct vm vm;
	struct vcpu vcpus[MAX_VCPUS]; /* at work */
	uint32_t next_id; /* of a fresh vCPU */
	struct vcpu fresh; /* comes and goes; it works on the board of the first of the others */
	uint32_t counted[DATA_PAGES]; /* by a guest, before a stretch was ordered */
	/* Each has a file descriptor of -1 while there is none. */
	struct vm bare; /* without memory, for what can be done to a VM once only */
	struct vm chip; /* with an interrupt controller */
	struct vm ring; /* with dirty rings */
	uint32_t ring_id; /* of its next vCPU */
	int namesake; /* a VM whose name is to be used twice */
	int made; /* what an operation has made */
};

void scene_set(struct scene *scene, struct options options);
void scene_clear(struct scene *scene);
/* Set up anew what is needed for the VM to have room for another vCPU. */
void scene_make_room(struct scene *scene);

/* Order a stretch of work from a vCPU; check that it was done and is to be seen in memory. */
void scene_order(struct scene *scene, const struct vcpu *vcpu);
void scene_check(struct scene *scene, const struct vcpu *vcpu);
/* Run it for one. */
void scene_run(const struct vcpu *vcpu);

/* All of these, of one vCPU or of all that are at work. */
void scene_work(struct scene *scene, const struct vcpu *vcpu);
void scene_all_work(struct scene *scene);

#endif
