#define _GNU_SOURCE
#include "devices.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>

#include "workload.h"

void devices_add_irqchip(const struct vm *vm)
{
	struct kvm_pit_config pit = {0};

	if (ioctl(vm->fd, KVM_CREATE_IRQCHIP, 0) || ioctl(vm->fd, KVM_CREATE_PIT2, &pit))
		fail("expected an interrupt controller and timer to be made, got: %m");
}

static void add_ioeventfd(const struct vm *vm, struct holds *holds, uint64_t address, uint32_t flags)
{
	struct kvm_ioeventfd ioeventfd = {.addr = address, .len = 1, .flags = flags, .fd = eventfd(0, EFD_CLOEXEC)};

	hold_fd(holds, ioeventfd.fd);
	if (ioctl(vm->fd, KVM_IOEVENTFD, &ioeventfd))
		fail("expected KVM_IOEVENTFD to succeed, got: %m");
}

static void add_irqfd(const struct vm *vm, struct holds *holds, uint32_t gsi, bool resample)
{
	struct kvm_irqfd irqfd = {.gsi = gsi, .fd = (uint32_t)eventfd(0, EFD_CLOEXEC)};

	hold_fd(holds, (int)irqfd.fd);
	if (resample) {
		irqfd.flags = KVM_IRQFD_FLAG_RESAMPLE;
		irqfd.resamplefd = (uint32_t)eventfd(0, EFD_CLOEXEC);
		hold_fd(holds, (int)irqfd.resamplefd);
	}
	if (ioctl(vm->fd, KVM_IRQFD, &irqfd))
		fail("expected KVM_IRQFD to succeed, got: %m");
	if (eventfd_write((int)irqfd.fd, 1))
		fail("cannot signal an interrupt: %m");
}

/* A kernel without VFIO has no such device. */
static void add_vfio(const struct vm *vm, struct holds *holds)
{
	struct kvm_create_device device = {.type = KVM_DEV_TYPE_VFIO};

	if (ioctl(vm->fd, KVM_CREATE_DEVICE, &device) == 0)
		hold_fd(holds, (int)device.fd);
	else if (errno != ENODEV)
		fail("expected KVM_CREATE_DEVICE to succeed, got: %m");
}

void devices_add(const struct vm *vm, struct holds *holds)
{
	struct kvm_coalesced_mmio_zone zone = {.addr = 0x10000000, .size = PAGE};

	devices_add_irqchip(vm);
	add_vfio(vm, holds);
	add_ioeventfd(vm, holds, 0x20, KVM_IOEVENTFD_FLAG_PIO);
	add_ioeventfd(vm, holds, 0x10001000, 0);
	add_irqfd(vm, holds, 5, false);
	add_irqfd(vm, holds, 10, true);
	if (ioctl(vm->fd, KVM_REGISTER_COALESCED_MMIO, &zone))
		fail("expected KVM_REGISTER_COALESCED_MMIO to succeed, got: %m");
}
