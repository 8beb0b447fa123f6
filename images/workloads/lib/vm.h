/* Nested guests: a VM with low memory and flat 32-bit vCPUs, by plain ioctls of /dev/kvm. */
#ifndef VM_H
#define VM_H

#include <linux/kvm.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "layout.h"

/* Slot numbers; the ones from SLOT_DATA on are the workload's. */
enum { SLOT_LOW, SLOT_DATA };

struct vm {
	int fd;
	uint8_t *low; /* the guest's first LOW_SIZE bytes; shared with children of fork() */
	bool smm; /* its slots are in the address space of SMM too */
};

struct vcpu {
	int fd;
	uint32_t index;
	struct kvm_run *run;
};

/* A guest program, as linked into the workload. */
#define GUEST_PROGRAM(name) extern const uint8_t guest_##name[], guest_##name##_end[]
#define LOAD(vm, name) vm_load(vm, GUEST_CODE, guest_##name, (size_t)(guest_##name##_end - guest_##name))

GUEST_PROGRAM(touch);
GUEST_PROGRAM(visit);
GUEST_PROGRAM(smi_visit);
GUEST_PROGRAM(roots);

/* Why vcpu_run() returned. */
enum stop {
	STOP_REPORT, /* PORT_REPORT */
	STOP_WRONG, /* PORT_WRONG */
	STOP_HOLE, /* accessed what no slot has, or wrote to a read-only slot; run->mmio says what */
	STOP_BAD_MEMORY, /* the slot's memory could not be had (EFAULT) */
	STOP_LOST, /* fetched from what no slot has; it has to be vcpu_reset() */
	STOP_INTERRUPTED, /* a signal, or a full dirty ring */
};

/* Open /dev/kvm, or end the program as skipped. */
int kvm_open(void);

/* A VM with its low memory in SLOT_LOW; one made by vm_create_bare() has no memory. */
void vm_create(int kvm, struct vm *vm);
void vm_create_bare(int kvm, struct vm *vm);
void vm_load(struct vm *vm, uint32_t gpa, const uint8_t *program, size_t size);
void vm_free_memory(struct vm *vm);
/* Prepare for vcpu_smi(). False where the kernel doesn't emulate SMM. Call it before setting more slots. */
bool vm_allow_smi(struct vm *vm);
/* The page of guest memory that a vCPU shares with the host. */
void *vm_board(const struct vm *vm, uint32_t vcpu);

/* Set a slot in every address space: size 0 deletes it. Return 0 or the errno. */
int vm_set_slot(const struct vm *vm, uint32_t slot, uint32_t flags, uint64_t gpa, uint64_t size, void *memory);
void vm_must_set_slot(const struct vm *vm, uint32_t slot, uint32_t flags, uint64_t gpa, uint64_t size, void *memory);
/* Get the dirty log of a slot of at most 64 pages, in the address space of SMM or the ordinary one, and empty it. */
uint64_t vm_dirty_log(const struct vm *vm, uint32_t slot, bool smm);

/* Host memory for a slot, present from the start, in small pages and never merged. */
void *memory_for_slot(size_t size, int sharing);

void vcpu_create(const struct vm *vm, uint32_t index, struct vcpu *vcpu);
/* Make it start at GUEST_CODE, on its own stack, whatever state it is in. */
void vcpu_reset(const struct vcpu *vcpu);
enum stop vcpu_run(const struct vcpu *vcpu);
/* Nothing else but an interruption may stop it. */
void vcpu_run_to_report(const struct vcpu *vcpu);
/* CR4.PSE, by the host: nothing to the guest without big pages, but KVM drops all roots that the vCPU has. */
void vcpu_toggle_pse(const struct vcpu *vcpu);
void vcpu_smi(const struct vcpu *vcpu);
/* Let go of it; its statistics are kept (see stats.h). */
void vcpu_destroy(struct vcpu *vcpu);
size_t vcpu_run_size(void); /* of the mapping of kvm_run */

/* Take a VM with `count` vCPUs down in the ordinary order; its statistics are kept. */
void vm_destroy(struct vm *vm, struct vcpu *vcpus, unsigned int count);

/* munmap(), close(), which only fail if this program is wrong. */
void unmap(void *memory, size_t size);
void shut(int fd);

#endif
