#define _GNU_SOURCE
#include "vm.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "stats.h"
#include "workload.h"

GUEST_PROGRAM(smi);

/* The address space of vCPUs in SMM, in the slot numbers' high half. */
#define IN_SMM (1u << 16)

#define CR4_PSE 0x10

static int kvm_ioctl(const char *name, int fd, unsigned long request, unsigned long argument)
{
	int result = ioctl(fd, request, argument);

	if (result < 0)
		fail("expected %s to succeed, got: %m", name);
	return result;
}

#define must_ioctl(fd, request, argument) kvm_ioctl(#request, fd, request, (unsigned long)(argument))

int kvm_open(void)
{
	int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		skip("cannot open /dev/kvm: %s", strerror(errno));
	return fd;
}

void unmap(void *memory, size_t size)
{
	if (munmap(memory, size))
		fail("cannot unmap memory: %m");
}

void shut(int fd)
{
	if (close(fd))
		fail("cannot close a file descriptor: %m");
}

/* ---- memory */

void *memory_for_slot(size_t size, int sharing)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE | PROT_EXEC, sharing | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		fail("cannot map %zu bytes: %m", size);
	madvise(memory, size, MADV_NOHUGEPAGE); /* both fail where the kernel has no such thing to turn off */
	madvise(memory, size, MADV_UNMERGEABLE);
	memset(memory, 0, size);
	return memory;
}

static int set_slot(const struct vm *vm, uint32_t slot, uint32_t flags, uint64_t gpa, uint64_t size, void *memory)
{
	struct kvm_userspace_memory_region region = {
		.slot = slot,
		.flags = flags,
		.guest_phys_addr = gpa,
		.memory_size = size,
		.userspace_addr = (uintptr_t)memory,
	};

	return ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &region) ? errno : 0;
}

int vm_set_slot(const struct vm *vm, uint32_t slot, uint32_t flags, uint64_t gpa, uint64_t size, void *memory)
{
	int error = set_slot(vm, slot, flags, gpa, size, memory);

	if (!error && vm->smm)
		error = set_slot(vm, slot | IN_SMM, flags, gpa, size, memory);
	return error;
}

void vm_must_set_slot(const struct vm *vm, uint32_t slot, uint32_t flags, uint64_t gpa, uint64_t size, void *memory)
{
	int error = vm_set_slot(vm, slot, flags, gpa, size, memory);

	if (error)
		fail("expected slot %u to be set to %llu bytes at %#llx, got: %s", slot, (unsigned long long)size,
		     (unsigned long long)gpa, strerror(error));
}

uint64_t vm_dirty_log(const struct vm *vm, uint32_t slot, bool smm)
{
	uint64_t log = 0;
	struct kvm_dirty_log request = {.slot = smm ? slot | IN_SMM : slot, .dirty_bitmap = &log};

	must_ioctl(vm->fd, KVM_GET_DIRTY_LOG, &request);
	return log;
}

static void set_low_slot(const struct vm *vm)
{
	vm_must_set_slot(vm, SLOT_LOW, 0, 0, LOW_SIZE, vm->low);
}

/* ---- VMs */

void vm_create_bare(int kvm, struct vm *vm)
{
	*vm = (struct vm){.fd = must_ioctl(kvm, KVM_CREATE_VM, 0)};
}

void vm_create(int kvm, struct vm *vm)
{
	vm_create_bare(kvm, vm);
	vm->low = memory_for_slot(LOW_SIZE, MAP_SHARED);
	set_low_slot(vm);
}

bool vm_allow_smi(struct vm *vm)
{
	if (ioctl(vm->fd, KVM_CHECK_EXTENSION, KVM_CAP_X86_SMM) <= 0 ||
	    ioctl(vm->fd, KVM_CHECK_EXTENSION, KVM_CAP_MULTI_ADDRESS_SPACE) < 2)
		return false;
	vm_load(vm, SMM_ENTRY, guest_smi, (size_t)(guest_smi_end - guest_smi));
	vm->smm = true;
	set_low_slot(vm);
	return true;
}

void vm_load(struct vm *vm, uint32_t gpa, const uint8_t *program, size_t size)
{
	memcpy(vm->low + gpa, program, size);
}

void vm_free_memory(struct vm *vm)
{
	unmap(vm->low, LOW_SIZE);
	vm->low = NULL;
}

void vm_destroy(struct vm *vm, struct vcpu *vcpus, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		vcpu_destroy(&vcpus[i]);
	stats_keep(vm->fd);
	shut(vm->fd);
	vm_free_memory(vm);
}

/* ---- vCPUs */

size_t vcpu_run_size(void)
{
	static size_t size;

	if (!size) {
		int kvm = kvm_open();

		size = (size_t)must_ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
		shut(kvm);
	}
	return size;
}

void vcpu_create(const struct vm *vm, uint32_t index, struct vcpu *vcpu)
{
	vcpu->index = index;
	vcpu->fd = must_ioctl(vm->fd, KVM_CREATE_VCPU, index);
	vcpu->run = mmap(NULL, vcpu_run_size(), PROT_READ | PROT_WRITE, MAP_SHARED, vcpu->fd, 0);
	if (vcpu->run == MAP_FAILED)
		fail("cannot map kvm_run: %m");
}

void vcpu_destroy(struct vcpu *vcpu)
{
	stats_keep(vcpu->fd);
	unmap(vcpu->run, vcpu_run_size());
	vcpu->run = NULL;
	shut(vcpu->fd);
}

static void set_flat_segments(struct kvm_sregs *sregs)
{
	struct kvm_segment data = {
		.limit = 0xffffffff, .selector = 16, .type = 3, .present = 1, .db = 1, .s = 1, .g = 1,
	};
	struct kvm_segment code = data;

	code.selector = 8;
	code.type = 11;
	sregs->cs = code;
	sregs->ds = sregs->es = sregs->fs = sregs->gs = sregs->ss = data;
}

void vcpu_reset(const struct vcpu *vcpu)
{
	struct kvm_mp_state runnable = {.mp_state = KVM_MP_STATE_RUNNABLE};
	struct kvm_vcpu_events no_events = {0};
	struct kvm_regs regs = {
		.rax = vcpu->index,
		.rip = GUEST_CODE,
		.rsp = GUEST_STACKS + (vcpu->index + 1) * PAGE,
		.rflags = 2,
	};
	struct kvm_sregs sregs;

	must_ioctl(vcpu->fd, KVM_GET_SREGS, &sregs);
	set_flat_segments(&sregs);
	sregs.cr0 = 0x11; /* protected mode, no paging */
	sregs.cr4 = 0;
	must_ioctl(vcpu->fd, KVM_SET_SREGS, &sregs);
	must_ioctl(vcpu->fd, KVM_SET_REGS, &regs);
	must_ioctl(vcpu->fd, KVM_SET_VCPU_EVENTS, &no_events);
	must_ioctl(vcpu->fd, KVM_SET_MP_STATE, &runnable);
}

static enum stop why_not_entered(void)
{
	if (errno == EINTR)
		return STOP_INTERRUPTED;
	if (errno == EFAULT)
		return STOP_BAD_MEMORY;
	fail("expected KVM_RUN to succeed, got: %m");
}

static enum stop why_left(const struct kvm_run *run)
{
	switch (run->exit_reason) {
	case KVM_EXIT_IO:
		return run->io.port == PORT_REPORT ? STOP_REPORT : STOP_WRONG;
	case KVM_EXIT_MMIO:
		return STOP_HOLE;
	case KVM_EXIT_INTERNAL_ERROR:
	case KVM_EXIT_SHUTDOWN:
		return STOP_LOST;
	case KVM_EXIT_DIRTY_RING_FULL:
		return STOP_INTERRUPTED;
	}
	fail("expected the vCPU to leave for I/O or a hole in its memory, got exit reason %u", run->exit_reason);
}

enum stop vcpu_run(const struct vcpu *vcpu)
{
	return ioctl(vcpu->fd, KVM_RUN, 0) ? why_not_entered() : why_left(vcpu->run);
}

void vcpu_run_to_report(const struct vcpu *vcpu)
{
	enum stop stop;

	while ((stop = vcpu_run(vcpu)) == STOP_INTERRUPTED)
		;
	if (stop != STOP_REPORT)
		fail("expected the guest to report after its stretch, got stop %d (exit reason %u)", stop,
		     vcpu->run->exit_reason);
}

void vcpu_toggle_pse(const struct vcpu *vcpu)
{
	struct kvm_sregs sregs;

	must_ioctl(vcpu->fd, KVM_GET_SREGS, &sregs);
	sregs.cr4 ^= CR4_PSE;
	must_ioctl(vcpu->fd, KVM_SET_SREGS, &sregs);
}

void vcpu_smi(const struct vcpu *vcpu)
{
	must_ioctl(vcpu->fd, KVM_SMI, 0);
}

void *vm_board(const struct vm *vm, uint32_t vcpu)
{
	return vm->low + GUEST_BOARDS + vcpu * PAGE;
}
