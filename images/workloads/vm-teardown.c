/*
 * vm-teardown: VMs taken down in every way there is.
 *
 * A VM goes when the last reference to it goes: file descriptors of the VM, its vCPUs, devices and statistics, the
 * mappings of kvm_run, a KVM_RUN under way; or its memory goes first, when the process that made it dies. Each way
 * below makes a VM, most with a guest that has toggled its MMU roots, and lets go of all that in some other order.
 * Much of a VM's end is waiting for RCU, so several processes go through the ways at once.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/cpuid.h"
#include "lib/paging.h"
#include "lib/random.h"
#include "lib/roots.h"
#include "lib/stats.h"
#include "lib/touch.h"
#include "lib/vm.h"
#include "lib/watch.h"
#include "lib/workload.h"

#define DATA_PAGES 16
#define CROWD_VMS 48 /* of each process of a crowd, or as many as it has time for */
#define CROWD_SECONDS 2
#define CROWD_PROCESSES 8
#define CROWD_MIB 48 /* that each of them may need */
#define MOST_EXTRAS 16

GUEST_PROGRAM(smi_stop);

/* What all processes share. */
struct shared {
	_Atomic uint64_t ways_begun;
	_Atomic uint64_t vms;
};

/* Choices are by the number of the way begun, so that it doesn't matter which process takes it. */
struct teardown {
	int kvm;
	struct options options;
	struct choices choices;
	struct cpuid cpuid;
	struct shared *shared;
};

/* Something that keeps a VM, or what it needs, alive: memory, or else a file descriptor. */
struct hold {
	int fd;
	void *memory;
	size_t size;
};

/* A VM and its vCPUs, perhaps at work. */
struct guest {
	struct vm vm;
	unsigned int count;
	struct vcpu vcpus[MAX_VCPUS];
	pthread_t threads[MAX_VCPUS];
	void *data;
	bool nested; /* it runs "roots", not "touch" */
	bool asleep; /* its vCPUs are in KVM_RUN and don't come back, so nothing can be asked of them */
	struct hold extras[MOST_EXTRAS];
	unsigned int extras_count;
};

/* ---- making guests */

static void set_up_touch(struct teardown *teardown, struct guest *guest, uint32_t index)
{
	*(struct touch_board *)vm_board(&guest->vm, index) = (struct touch_board){
		.passes = 2, .pages = DATA_PAGES, .toggle_every = choose_below(&teardown->choices, 3)};
}

static void set_up_roots(struct teardown *teardown, struct guest *guest, uint32_t index)
{
	*(struct roots_board *)vm_board(&guest->vm, index) = (struct roots_board){
		.passes = 2,
		.pages = DATA_PAGES,
		.every = 1,
		.changes = 1 << CHANGE_L3 | (uint32_t)cpuid_has_nested_paging(&teardown->cpuid) << CHANGE_L3_NESTED,
		.paging = choose_below(&teardown->choices, PAGINGS),
		.fallback = PAGING_64,
		.l3_stops = 1,
	};
	if (vcpu_set_cpuid(&guest->vcpus[index], &teardown->cpuid))
		fail("expected KVM_SET_CPUID2 to succeed");
}

static void add_vcpu(struct teardown *teardown, struct guest *guest, uint32_t index)
{
	vcpu_create(&guest->vm, index, &guest->vcpus[index]);
	if (guest->nested)
		set_up_roots(teardown, guest, index);
	else if (guest->vm.low)
		set_up_touch(teardown, guest, index);
	vcpu_reset(&guest->vcpus[index]);
}

static void add_vcpus(struct teardown *teardown, struct guest *guest, unsigned int count)
{
	while (guest->count < count)
		add_vcpu(teardown, guest, guest->count++);
}

static void add_data(struct guest *guest)
{
	guest->data = memory_for_slot(DATA_PAGES * PAGE, MAP_PRIVATE);
	if (vm_set_slot(&guest->vm, SLOT_DATA, 0, GUEST_DATA, DATA_PAGES * PAGE, guest->data))
		fail("expected the data slot to be set");
}

/* With memory, without vCPUs. */
static struct guest make_empty(struct teardown *teardown)
{
	struct guest guest = {0};

	vm_create(teardown->kvm, &guest.vm);
	LOAD(&guest.vm, touch);
	add_data(&guest);
	teardown->shared->vms++;
	return guest;
}

static struct guest make_guest(struct teardown *teardown, unsigned int vcpus)
{
	struct guest guest = make_empty(teardown);

	add_vcpus(teardown, &guest, vcpus);
	return guest;
}

static struct guest make_usual(struct teardown *teardown)
{
	return make_guest(teardown, teardown->options.vcpus);
}

/* ---- having them work */

static uint32_t passed(const struct guest *guest, unsigned int vcpu)
{
	const volatile struct touch_board *touch = vm_board(&guest->vm, vcpu);
	const volatile struct roots_board *roots = vm_board(&guest->vm, vcpu);

	return guest->nested ? roots->l3_passed : touch->passed;
}

static void count_work(const struct guest *guest)
{
	for (unsigned int i = 0; i < guest->count; i++) {
		if (!passed(guest, i))
			fail("expected vCPU %u to have counted its passes, got 0", i);
		done->l2_entries += passed(guest, i);
	}
}

static void run_to_report(const struct vcpu *vcpu)
{
	enum stop stop = vcpu_run(vcpu);

	if (stop != STOP_REPORT)
		fail("expected vCPU %u to report after its stretch, got stop %d (exit reason %u)", vcpu->index, stop,
		     vcpu->run->exit_reason);
}

static void run_a_stretch(const struct guest *guest)
{
	for (unsigned int i = 0; i < guest->count; i++)
		run_to_report(&guest->vcpus[i]);
	count_work(guest);
}

static sigset_t just_usr1(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	return set;
}

static void take_signal(void)
{
	const sigset_t usr1 = just_usr1();
	const struct timespec now = {0};

	sigtimedwait(&usr1, NULL, &now);
}

/* Run a vCPU until its file descriptor is closed. Nothing else of it is touched, so that it can all go meanwhile. */
static void *run_blindly(void *argument)
{
	int fd = (int)(intptr_t)argument;

	while (ioctl(fd, KVM_RUN, 0) == 0 || errno == EINTR || errno == EFAULT)
		take_signal();
	if (errno != EBADF)
		fail("expected KVM_RUN to go on until its file descriptor was closed, got: %m");
	return NULL;
}

/* A thread for each vCPU. SIGUSR1 waits in it for KVM_RUN, see interruptible(). */
static void start_threads(struct guest *guest)
{
	const sigset_t usr1 = just_usr1();

	pthread_sigmask(SIG_BLOCK, &usr1, NULL);
	for (unsigned int i = 0; i < guest->count; i++) {
		errno = pthread_create(&guest->threads[i], NULL, run_blindly, (void *)(intptr_t)guest->vcpus[i].fd);
		if (errno)
			fail("cannot start a thread: %m");
	}
}

static void start_work(struct guest *guest)
{
	start_threads(guest);
	for (unsigned int i = 0; i < guest->count; i++)
		while (passed(guest, i) < 2)
			sched_yield();
	count_work(guest);
}

static void join_threads(const struct guest *guest)
{
	for (unsigned int i = 0; i < guest->count; i++)
		pthread_join(guest->threads[i], NULL);
}

/* Let SIGUSR1 end KVM_RUN. Not while it runs. */
static void interruptible(const struct guest *guest)
{
	struct {
		struct kvm_signal_mask head;
		uint8_t set[8];
	} none = {.head = {.len = 8}};

	for (unsigned int i = 0; i < guest->count; i++)
		if (ioctl(guest->vcpus[i].fd, KVM_SET_SIGNAL_MASK, &none.head))
			fail("expected KVM_SET_SIGNAL_MASK to succeed, got: %m");
}

static void interrupt(const struct guest *guest)
{
	for (unsigned int i = 0; i < guest->count; i++)
		pthread_kill(guest->threads[i], SIGUSR1);
}

/* ---- letting go of them */

#define MOST_HOLDS (6 + 2 * MAX_VCPUS + MOST_EXTRAS)

static void hold_fd(struct guest *guest, int fd)
{
	if (fd < 0)
		fail("cannot open a file descriptor to hold: %m");
	guest->extras[guest->extras_count++] = (struct hold){.fd = fd};
}

/* KVM's statistics in debugfs hold a VM only while they are open. -1 where there are none. */
static int open_debugfs(const struct guest *guest)
{
	char path[100];

	snprintf(path, sizeof(path), "/sys/kernel/debug/kvm/%d-%d/pf_fixed", getpid(), guest->vm.fd);
	return open(path, O_RDONLY | O_CLOEXEC);
}

static unsigned int find_holds(const struct guest *guest, struct hold *holds)
{
	unsigned int count = 0;
	int debugfs = open_debugfs(guest);

	holds[count++] = (struct hold){.fd = guest->vm.fd};
	holds[count++] = (struct hold){.fd = stats_open(guest->vm.fd)};
	if (debugfs >= 0)
		holds[count++] = (struct hold){.fd = debugfs};
	if (guest->count && !guest->asleep)
		holds[count++] = (struct hold){.fd = stats_open(guest->vcpus[0].fd)};
	if (guest->vm.low)
		holds[count++] = (struct hold){.memory = guest->vm.low, .size = LOW_SIZE};
	if (guest->data)
		holds[count++] = (struct hold){.memory = guest->data, .size = DATA_PAGES * PAGE};
	for (unsigned int i = 0; i < guest->count; i++) {
		holds[count++] = (struct hold){.fd = guest->vcpus[i].fd};
		holds[count++] = (struct hold){.memory = guest->vcpus[i].run, .size = vcpu_run_size()};
	}
	for (unsigned int i = 0; i < guest->extras_count; i++)
		holds[count++] = guest->extras[i];
	return count;
}

static void let_go(struct teardown *teardown, const struct guest *guest)
{
	struct hold holds[MOST_HOLDS];

	for (unsigned int left = find_holds(guest, holds); left; left--) {
		struct hold *hold = &holds[choose_below(&teardown->choices, left)];

		if (hold->memory)
			unmap(hold->memory, hold->size);
		else
			shut(hold->fd);
		*hold = holds[left - 1];
	}
}

/* With its vCPUs in KVM_RUN. */
static void let_go_at_work(struct teardown *teardown, const struct guest *guest)
{
	let_go(teardown, guest);
	join_threads(guest);
}

/* ---- ways in one process */

static void after_work(struct teardown *teardown)
{
	struct guest guest = make_usual(teardown);

	run_a_stretch(&guest);
	let_go(teardown, &guest);
}

static void at_work(struct teardown *teardown)
{
	struct guest guest = make_usual(teardown);

	start_work(&guest);
	let_go_at_work(teardown, &guest);
}

static void never_run(struct teardown *teardown)
{
	struct guest guest = make_usual(teardown);

	let_go(teardown, &guest);
}

static void without_vcpus(struct teardown *teardown)
{
	struct guest guest = make_empty(teardown);

	let_go(teardown, &guest);
}

static struct guest make_bare(struct teardown *teardown)
{
	struct guest guest = {0};

	vm_create_bare(teardown->kvm, &guest.vm);
	teardown->shared->vms++;
	return guest;
}

/* Kernels differ in what they say to it (6.1: ENOSPC, as without slots an MMU gets no pages); it has to come back. */
static void without_memory(struct teardown *teardown)
{
	struct guest guest = make_bare(teardown);

	add_vcpus(teardown, &guest, 1);
	ioctl(guest.vcpus[0].fd, KVM_RUN, 0);
	let_go(teardown, &guest);
}

static void without_anything(struct teardown *teardown)
{
	struct guest guest = make_bare(teardown);

	let_go(teardown, &guest);
}

/* ---- invalid roots, changes under way */

static void delete_data(const struct guest *guest)
{
	if (vm_set_slot(&guest->vm, SLOT_DATA, 0, GUEST_DATA, 0, NULL))
		fail("expected the data slot to be deleted");
}

/* Roots go invalid with a slot; those of vCPUs that don't run again stay so until the end. */
static void with_invalid_roots(struct teardown *teardown)
{
	struct guest guest = make_usual(teardown);

	run_a_stretch(&guest);
	delete_data(&guest);
	let_go(teardown, &guest);
}

static void with_invalid_roots_at_work(struct teardown *teardown)
{
	struct guest guest = make_usual(teardown);

	start_work(&guest);
	delete_data(&guest);
	let_go_at_work(teardown, &guest);
}

/* Change slots until the VM's file descriptor is closed, and drop pages behind them, which KVM hears of. */
static void *change_blindly(void *argument)
{
	const struct guest *guest = argument;
	uint32_t round = 0;
	int error;

	do {
		bool gone = round % 2;
		uint32_t flags = round & 4 ? KVM_MEM_LOG_DIRTY_PAGES : 0;

		error = vm_set_slot(&guest->vm, SLOT_DATA, flags, GUEST_DATA, gone ? 0 : DATA_PAGES * PAGE, guest->data);
		madvise(guest->data, DATA_PAGES * PAGE, MADV_DONTNEED);
		round++;
	} while (error != EBADF);
	return NULL;
}

static void with_changing_slots(struct teardown *teardown)
{
	struct guest guest = make_usual(teardown);
	pthread_t changer;

	start_work(&guest);
	delete_data(&guest);
	errno = pthread_create(&changer, NULL, change_blindly, &guest);
	if (errno)
		fail("cannot start a thread: %m");
	usleep(choose_below(&teardown->choices, 20000));
	let_go_at_work(teardown, &guest);
	pthread_join(changer, NULL);
}

static void with_dirty_log(struct teardown *teardown)
{
	struct guest guest = make_usual(teardown);
	uint64_t bitmap[(DATA_PAGES + 63) / 64];
	struct kvm_dirty_log log = {.slot = SLOT_DATA, .dirty_bitmap = bitmap};

	start_work(&guest);
	if (vm_set_slot(&guest.vm, SLOT_DATA, KVM_MEM_LOG_DIRTY_PAGES, GUEST_DATA, DATA_PAGES * PAGE, guest.data) ||
	    ioctl(guest.vm.fd, KVM_GET_DIRTY_LOG, &log))
		fail("expected the data slot's writes to be logged, got: %m");
	let_go_at_work(teardown, &guest);
}

#define DIRTY_RING_SIZE (16 * PAGE)

/* Its pages are mapped, and keep the vCPU. */
static void with_dirty_ring(struct teardown *teardown)
{
	struct guest guest = make_empty(teardown);
	struct kvm_enable_cap cap = {.cap = KVM_CAP_DIRTY_LOG_RING, .args = {DIRTY_RING_SIZE}};
	void *ring;

	if (ioctl(guest.vm.fd, KVM_ENABLE_CAP, &cap))
		fail("expected KVM to have a dirty ring, got: %m");
	add_vcpus(teardown, &guest, teardown->options.vcpus);
	if (vm_set_slot(&guest.vm, SLOT_DATA, KVM_MEM_LOG_DIRTY_PAGES, GUEST_DATA, DATA_PAGES * PAGE, guest.data))
		fail("expected the data slot's writes to be logged");
	ring = mmap(NULL, DIRTY_RING_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, guest.vcpus[0].fd,
		    KVM_DIRTY_LOG_PAGE_OFFSET * PAGE);
	if (ring == MAP_FAILED)
		fail("cannot map the dirty ring: %m");
	guest.extras[guest.extras_count++] = (struct hold){.memory = ring, .size = DIRTY_RING_SIZE};
	run_a_stretch(&guest);
	let_go(teardown, &guest);
}

/* ---- in the middle of something */

static void in_smm(struct teardown *teardown)
{
	struct guest guest = make_empty(teardown);

	if (!vm_allow_smi(&guest.vm))
		fail("expected KVM to emulate SMM");
	vm_load(&guest.vm, SMM_ENTRY, guest_smi_stop, (size_t)(guest_smi_stop_end - guest_smi_stop));
	if (vm_set_slot(&guest.vm, SLOT_DATA, 0, GUEST_DATA, DATA_PAGES * PAGE, guest.data))
		fail("expected the data slot to be set for SMM");
	add_vcpus(teardown, &guest, teardown->options.vcpus);
	run_a_stretch(&guest);
	for (unsigned int i = 0; i < guest.count; i++) {
		vcpu_smi(&guest.vcpus[i]);
		run_to_report(&guest.vcpus[i]);
		if (!(guest.vcpus[i].run->flags & KVM_RUN_X86_SMM))
			fail("expected vCPU %u to report from SMM", i);
	}
	let_go(teardown, &guest);
}

static struct guest make_nested(struct teardown *teardown)
{
	struct guest guest = make_empty(teardown);

	LOAD(&guest.vm, roots);
	paging_write(&guest.vm);
	guest.nested = true;
	add_vcpus(teardown, &guest, teardown->options.vcpus);
	return guest;
}

static void in_l3(struct teardown *teardown)
{
	struct guest guest = make_nested(teardown);

	run_a_stretch(&guest);
	if (one_in(&teardown->choices, 2))
		delete_data(&guest);
	let_go(teardown, &guest);
}

static void l3_at_work(struct teardown *teardown)
{
	struct guest guest = make_nested(teardown);

	start_work(&guest);
	let_go_at_work(teardown, &guest);
}

/* ---- with devices, and what needs an interrupt controller */

static void add_irqchip(const struct guest *guest)
{
	struct kvm_pit_config pit = {0};

	if (ioctl(guest->vm.fd, KVM_CREATE_IRQCHIP, 0) || ioctl(guest->vm.fd, KVM_CREATE_PIT2, &pit))
		fail("expected an interrupt controller and timer to be made, got: %m");
}

static void add_ioeventfd(struct guest *guest, uint64_t address, uint32_t flags)
{
	struct kvm_ioeventfd ioeventfd = {.addr = address, .len = 1, .flags = flags, .fd = eventfd(0, EFD_CLOEXEC)};

	hold_fd(guest, ioeventfd.fd);
	if (ioctl(guest->vm.fd, KVM_IOEVENTFD, &ioeventfd))
		fail("expected KVM_IOEVENTFD to succeed, got: %m");
}

static void add_irqfd(struct guest *guest, uint32_t gsi, bool resample)
{
	struct kvm_irqfd irqfd = {.gsi = gsi, .fd = (uint32_t)eventfd(0, EFD_CLOEXEC)};

	hold_fd(guest, (int)irqfd.fd);
	if (resample) {
		irqfd.flags = KVM_IRQFD_FLAG_RESAMPLE;
		irqfd.resamplefd = (uint32_t)eventfd(0, EFD_CLOEXEC);
		hold_fd(guest, (int)irqfd.resamplefd);
	}
	if (ioctl(guest->vm.fd, KVM_IRQFD, &irqfd))
		fail("expected KVM_IRQFD to succeed, got: %m");
	if (eventfd_write((int)irqfd.fd, 1))
		fail("cannot signal an interrupt: %m");
}

/* A kernel without VFIO has no such device. */
static void add_vfio(struct guest *guest)
{
	struct kvm_create_device device = {.type = KVM_DEV_TYPE_VFIO};

	if (ioctl(guest->vm.fd, KVM_CREATE_DEVICE, &device) == 0)
		hold_fd(guest, (int)device.fd);
	else if (errno != ENODEV)
		fail("expected KVM_CREATE_DEVICE to succeed, got: %m");
}

static void add_devices(struct guest *guest)
{
	struct kvm_coalesced_mmio_zone zone = {.addr = 0x10000000, .size = PAGE};

	add_irqchip(guest);
	add_vfio(guest);
	add_ioeventfd(guest, 0x20, KVM_IOEVENTFD_FLAG_PIO);
	add_ioeventfd(guest, 0x10001000, 0);
	add_irqfd(guest, 5, false);
	add_irqfd(guest, 10, true);
	if (ioctl(guest->vm.fd, KVM_REGISTER_COALESCED_MMIO, &zone))
		fail("expected KVM_REGISTER_COALESCED_MMIO to succeed, got: %m");
}

static void with_devices(struct teardown *teardown)
{
	struct guest guest = make_empty(teardown);

	add_devices(&guest);
	add_vcpus(teardown, &guest, teardown->options.vcpus);
	run_a_stretch(&guest);
	let_go(teardown, &guest);
}

static void with_devices_at_work(struct teardown *teardown)
{
	struct guest guest = make_empty(teardown);

	add_devices(&guest);
	add_vcpus(teardown, &guest, teardown->options.vcpus);
	start_work(&guest);
	let_go_at_work(teardown, &guest);
}

/* vCPUs sleep in KVM_RUN. */
static struct guest make_halted(struct teardown *teardown)
{
	struct kvm_mp_state halted = {.mp_state = KVM_MP_STATE_HALTED};
	struct guest guest = make_empty(teardown);

	add_irqchip(&guest);
	add_vcpus(teardown, &guest, teardown->options.vcpus);
	run_a_stretch(&guest);
	hold_fd(&guest, stats_open(guest.vcpus[0].fd));
	guest.asleep = true;
	interruptible(&guest);
	for (unsigned int i = 0; i < guest.count; i++)
		if (ioctl(guest.vcpus[i].fd, KVM_SET_MP_STATE, &halted))
			fail("expected vCPU %u to be halted, got: %m", i);
	start_threads(&guest);
	usleep(choose_below(&teardown->choices, 20000));
	return guest;
}

static void halted(struct teardown *teardown)
{
	struct guest guest = make_halted(teardown);

	let_go(teardown, &guest);
	interrupt(&guest);
	join_threads(&guest);
}

static void interrupted(struct teardown *teardown)
{
	struct guest guest = make_usual(teardown);

	interruptible(&guest);
	start_work(&guest);
	for (unsigned int i = 0; i < 8; i++) {
		guest.vcpus[0].run->immediate_exit = i % 2;
		interrupt(&guest);
		usleep(choose_below(&teardown->choices, 2000));
	}
	let_go(teardown, &guest);
	interrupt(&guest);
	join_threads(&guest);
}

/* ---- what fails */

/* The next number is too big for a file descriptor, until limit_files(before). */
static struct rlimit forbid_files(void)
{
	struct rlimit before, none;
	int next = dup(STDERR_FILENO);

	if (next < 0 || getrlimit(RLIMIT_NOFILE, &before))
		fail("cannot find out the next file descriptor: %m");
	shut(next);
	none = (struct rlimit){.rlim_cur = (rlim_t)next, .rlim_max = before.rlim_max};
	if (setrlimit(RLIMIT_NOFILE, &none))
		fail("cannot limit file descriptors: %m");
	return before;
}

static void must_fail(int fd, const char *name, unsigned long request, unsigned long argument, int expected)
{
	if (ioctl(fd, request, argument) >= 0 || errno != expected)
		fail("expected %s to fail with %s, got: %m", name, strerror(expected));
}

#define expect_error(error, fd, request, argument) must_fail(fd, #request, request, (unsigned long)(argument), error)

static void fail_for_files(struct teardown *teardown, const struct guest *guest)
{
	struct kvm_create_device device = {.type = KVM_DEV_TYPE_VFIO};
	struct rlimit before = forbid_files();

	expect_error(EMFILE, teardown->kvm, KVM_CREATE_VM, 0);
	expect_error(EMFILE, guest->vm.fd, KVM_CREATE_VCPU, guest->count);
	expect_error(EMFILE, guest->vm.fd, KVM_GET_STATS_FD, 0);
	expect_error(EMFILE, guest->vcpus[0].fd, KVM_GET_STATS_FD, 0);
	if (ioctl(guest->vm.fd, KVM_CREATE_DEVICE, &device) >= 0)
		fail("expected KVM_CREATE_DEVICE to fail without file descriptors");
	if (setrlimit(RLIMIT_NOFILE, &before))
		fail("cannot raise the limit of file descriptors again: %m");
}

/* Error paths of what makes VMs, vCPUs and devices; what was made before and after must not notice. */
static void after_errors(struct teardown *teardown)
{
	struct kvm_create_device nonsense = {.type = 0xffff};
	struct guest guest = make_guest(teardown, 1);
	int most = ioctl(guest.vm.fd, KVM_CHECK_EXTENSION, KVM_CAP_MAX_VCPU_ID);

	run_a_stretch(&guest);
	expect_error(EINVAL, teardown->kvm, KVM_CREATE_VM, 1 << 20);
	expect_error(EEXIST, guest.vm.fd, KVM_CREATE_VCPU, 0);
	expect_error(EINVAL, guest.vm.fd, KVM_CREATE_VCPU, most);
	expect_error(ENODEV, guest.vm.fd, KVM_CREATE_DEVICE, &nonsense);
	fail_for_files(teardown, &guest);
	add_vcpus(teardown, &guest, teardown->options.vcpus);
	run_a_stretch(&guest);
	let_go(teardown, &guest);
}

/* A vCPU that finds roots and pages of others there already. */
static void with_late_vcpu(struct teardown *teardown)
{
	struct guest guest = make_guest(teardown, 1);

	start_work(&guest);
	add_vcpu(teardown, &guest, 1);
	run_to_report(&guest.vcpus[1]);
	guest.extras[0] = (struct hold){.fd = guest.vcpus[1].fd};
	guest.extras[1] = (struct hold){.memory = guest.vcpus[1].run, .size = vcpu_run_size()};
	guest.extras_count = 2;
	let_go_at_work(teardown, &guest);
}

/* ---- ways of several processes */

/* Fork a child that does not outlive us, with a pipe between us. */
static pid_t fork_child(int *pipe_fds)
{
	pid_t parent = getpid(), child;

	if (pipe2(pipe_fds, O_CLOEXEC) || (child = fork()) < 0)
		fail("cannot make a child: %m");
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(FAILED);
	}
	return child;
}

static void wait_for_child(pid_t child, bool killed)
{
	int status;

	if (waitpid(child, &status, 0) != child)
		fail("cannot wait for a child: %m");
	if (killed ? !WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL : status != 0)
		fail("expected a child to %s, got wait status %#x", killed ? "be killed" : "exit with 0", status);
}

static struct guest make_working(struct teardown *teardown)
{
	struct guest guest = make_usual(teardown);

	start_work(&guest);
	return guest;
}

static struct guest make_nested_working(struct teardown *teardown)
{
	struct guest guest = make_nested(teardown);

	start_work(&guest);
	return guest;
}

/* Tell the parent that all is set up, and wait to be killed. */
static _Noreturn void wait_to_be_killed(int pipe_fd)
{
	if (write(pipe_fd, "", 1) == 1)
		for (;;)
			pause();
	_exit(FAILED);
}

static void kill_when_ready(pid_t child, int pipe_fd)
{
	char byte;

	if (read(pipe_fd, &byte, 1) == 1)
		kill(child, SIGKILL);
	shut(pipe_fd);
}

/* The process dies with its guest at work: its memory goes first, and takes the MMU with it, and the VM afterwards. */
static void die(struct teardown *teardown, struct guest (*make)(struct teardown *), bool killed)
{
	int pipe_fds[2];
	pid_t child = fork_child(pipe_fds);

	if (child == 0) {
		struct guest guest = make(teardown);

		(void)guest;
		if (!killed)
			_exit(PASSED);
		wait_to_be_killed(pipe_fds[1]);
	}
	shut(pipe_fds[1]);
	if (killed)
		kill_when_ready(child, pipe_fds[0]);
	else
		shut(pipe_fds[0]);
	wait_for_child(child, killed);
}

static void killed_at_work(struct teardown *teardown)
{
	die(teardown, make_working, true);
}

static void exits_at_work(struct teardown *teardown)
{
	die(teardown, make_working, false);
}

static void killed_in_l3(struct teardown *teardown)
{
	die(teardown, make_nested_working, true);
}

static void killed_halted(struct teardown *teardown)
{
	die(teardown, make_halted, true);
}

static void keep_over_exec(int fd)
{
	if (fcntl(fd, F_SETFD, 0))
		fail("cannot have a file descriptor kept over exec: %m");
}

/* exec ends the threads in KVM_RUN and takes their memory away; what is not closed by it ends with the new program. */
static struct guest exec_at_work(struct teardown *teardown)
{
	struct guest guest = make_working(teardown);

	if (one_in(&teardown->choices, 2))
		keep_over_exec(guest.vm.fd);
	for (unsigned int i = 0; i < guest.count; i++)
		if (one_in(&teardown->choices, 2))
			keep_over_exec(guest.vcpus[i].fd);
	execl("/bin/true", "true", NULL);
	fail("cannot run /bin/true: %m");
}

static void execs_at_work(struct teardown *teardown)
{
	die(teardown, exec_at_work, false);
}

static void must_be_foreign(int vcpu)
{
	if (ioctl(vcpu, KVM_RUN, 0) == 0 || errno != EIO)
		fail("expected KVM_RUN to fail in another process with EIO, got: %m");
}

/* A child has it all from its parent, may use none of it, and is the last to let go. */
static void inherited(struct teardown *teardown)
{
	struct guest guest = make_usual(teardown);
	int pipe_fds[2];
	char byte;
	pid_t child;

	run_a_stretch(&guest);
	child = fork_child(pipe_fds);
	if (child == 0) {
		close(pipe_fds[1]);
		must_be_foreign(guest.vcpus[0].fd);
		_exit(read(pipe_fds[0], &byte, 1) == 0 ? PASSED : FAILED);
	}
	let_go(teardown, &guest);
	shut(pipe_fds[1]);
	shut(pipe_fds[0]);
	wait_for_child(child, false);
}

#define PASSED_FDS 3

union passing {
	struct cmsghdr head;
	char space[CMSG_SPACE(PASSED_FDS * sizeof(int))];
};

static struct msghdr message(union passing *passing, struct iovec *byte)
{
	return (struct msghdr){.msg_iov = byte, .msg_iovlen = 1, .msg_control = passing, .msg_controllen = sizeof(*passing)};
}

static void send_fds(int to, const int *fds)
{
	char zero = 0;
	struct iovec byte = {&zero, 1};
	union passing passing = {
		.head = {.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(PASSED_FDS * sizeof(int))}};
	struct msghdr out = message(&passing, &byte);

	memcpy(CMSG_DATA(&passing.head), fds, PASSED_FDS * sizeof(int));
	if (sendmsg(to, &out, 0) != 1)
		fail("cannot pass file descriptors: %m");
}

static void receive_fds(int from, int *fds)
{
	char zero;
	struct iovec byte = {&zero, 1};
	union passing passing;
	struct msghdr in = message(&passing, &byte);

	if (recvmsg(from, &in, MSG_CMSG_CLOEXEC) != 1 || in.msg_flags & MSG_CTRUNC)
		fail("cannot receive file descriptors: %m");
	memcpy(fds, CMSG_DATA(&passing.head), PASSED_FDS * sizeof(int));
}

/* A child makes a guest, has it work, sends what keeps it to a socket, and dies. Who receives that may let it go. */
static _Noreturn void pass_to(struct teardown *teardown, int socket, int pipe_fd)
{
	struct guest guest = make_working(teardown);

	send_fds(socket, (int[]){guest.vm.fd, guest.vcpus[0].fd, stats_open(guest.vcpus[0].fd)});
	wait_to_be_killed(pipe_fd);
}

static void take_over(struct teardown *teardown, int socket)
{
	unsigned int first = choose_below(&teardown->choices, PASSED_FDS);
	int fds[PASSED_FDS];

	receive_fds(socket, fds);
	must_be_foreign(fds[1]);
	for (unsigned int i = 0; i < PASSED_FDS; i++)
		shut(fds[(first + i) % PASSED_FDS]);
}

static void pass(struct teardown *teardown, bool received)
{
	bool wait_first = one_in(&teardown->choices, 2);
	int sockets[2], pipe_fds[2];
	pid_t child;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets))
		fail("cannot make sockets: %m");
	child = fork_child(pipe_fds);
	if (child == 0)
		pass_to(teardown, sockets[1], pipe_fds[1]);
	shut(sockets[1]);
	shut(pipe_fds[1]);
	kill_when_ready(child, pipe_fds[0]);
	if (wait_first)
		wait_for_child(child, true);
	if (received)
		take_over(teardown, sockets[0]);
	shut(sockets[0]);
	if (!wait_first)
		wait_for_child(child, true);
}

static void passed_on(struct teardown *teardown)
{
	pass(teardown, true);
}

static void lost_in_socket(struct teardown *teardown)
{
	pass(teardown, false);
}

/* ---- a crowd */

/* A VM with memory that others have too, and one vCPU that has run. Nothing of it is let go of. */
static void join_crowd(struct teardown *teardown, struct guest *guest, uint32_t index)
{
	struct vm vm;
	struct vcpu vcpu;

	vm_create_bare(teardown->kvm, &vm);
	vm.low = guest->vm.low;
	if (vm_set_slot(&vm, SLOT_LOW, 0, 0, LOW_SIZE, vm.low) ||
	    vm_set_slot(&vm, SLOT_DATA, 0, GUEST_DATA, DATA_PAGES * PAGE, guest->data))
		fail("expected the slots of a VM in a crowd to be set");
	vcpu_create(&vm, index, &vcpu);
	set_up_touch(teardown, guest, index);
	vcpu_reset(&vcpu);
	run_to_report(&vcpu);
	done->l2_entries += passed(guest, index);
	teardown->shared->vms++;
}

static void make_crowd(struct teardown *teardown)
{
	struct guest guest = make_empty(teardown);
	double begun = elapsed();

	for (uint32_t i = 0; i < CROWD_VMS && (i < 2 || elapsed() < begun + CROWD_SECONDS); i++)
		join_crowd(teardown, &guest, i % MAX_VCPUS);
}

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

static unsigned int crowd_processes(void)
{
	uint64_t fit = available_mib() / 2 / CROWD_MIB;

	return fit < 2 ? 2 : fit > CROWD_PROCESSES ? CROWD_PROCESSES : (unsigned int)fit;
}

/* Return what it says by that it is ready. */
static int start_crowd(struct teardown *teardown, pid_t *child)
{
	int pipe_fds[2];

	*child = fork_child(pipe_fds);
	if (*child == 0) {
		make_crowd(teardown);
		wait_to_be_killed(pipe_fds[1]);
	}
	shut(pipe_fds[1]);
	return pipe_fds[0];
}

static void wait_for_crowd(int ready)
{
	char byte;

	if (read(ready, &byte, 1) != 1)
		fail("expected a process of a crowd to have its VMs");
	shut(ready);
}

/* Many processes with many VMs each, as memory allows; once all have theirs, they go all at once. */
static void crowded(struct teardown *teardown)
{
	unsigned int count = crowd_processes();
	pid_t children[CROWD_PROCESSES];
	int ready[CROWD_PROCESSES];

	for (unsigned int i = 0; i < count; i++)
		ready[i] = start_crowd(teardown, &children[i]);
	for (unsigned int i = 0; i < count; i++)
		wait_for_crowd(ready[i]);
	for (unsigned int i = 0; i < count; i++)
		kill(children[i], SIGKILL);
	for (unsigned int i = 0; i < count; i++)
		wait_for_child(children[i], true);
}

/* ---- all of them, over and over */

static bool any_host(const struct teardown *teardown)
{
	(void)teardown;
	return true;
}

static bool host_has_svm(const struct teardown *teardown)
{
	return cpuid_has_svm(&teardown->cpuid);
}

static bool host_has_smm(const struct teardown *teardown)
{
	return ioctl(teardown->kvm, KVM_CHECK_EXTENSION, KVM_CAP_X86_SMM) > 0;
}

static bool host_has_dirty_ring(const struct teardown *teardown)
{
	return ioctl(teardown->kvm, KVM_CHECK_EXTENSION, KVM_CAP_DIRTY_LOG_RING) > 0;
}

/* X(way, host it needs) */
#define WAYS(X)                                         \
	X(after_work, any_host)                         \
	X(at_work, any_host)                            \
	X(never_run, any_host)                          \
	X(without_vcpus, any_host)                      \
	X(without_memory, any_host)                     \
	X(without_anything, any_host)                   \
	X(with_invalid_roots, any_host)                 \
	X(with_invalid_roots_at_work, any_host)         \
	X(with_changing_slots, any_host)                \
	X(with_dirty_log, any_host)                     \
	X(with_dirty_ring, host_has_dirty_ring)         \
	X(with_late_vcpu, any_host)                     \
	X(with_devices, any_host)                       \
	X(with_devices_at_work, any_host)               \
	X(after_errors, any_host)                       \
	X(halted, any_host)                             \
	X(interrupted, any_host)                        \
	X(in_smm, host_has_smm)                         \
	X(in_l3, host_has_svm)                          \
	X(l3_at_work, host_has_svm)                     \
	X(killed_at_work, any_host)                     \
	X(killed_halted, any_host)                      \
	X(killed_in_l3, host_has_svm)                   \
	X(exits_at_work, any_host)                      \
	X(execs_at_work, any_host)                      \
	X(inherited, any_host)                          \
	X(passed_on, any_host)                          \
	X(lost_in_socket, any_host)                     \
	X(crowded, any_host)

#define NAME(way, host) #way,
#define WAY(way, host) {#way, way, host},

static const char *const kinds[] = {WAYS(NAME)};
static const struct way {
	const char *name;
	void (*go)(struct teardown *);
	bool (*possible)(const struct teardown *);
} ways[] = {WAYS(WAY)};

#define COUNT (sizeof(ways) / sizeof(ways[0]))

static const struct program program = {
	.what = "Create VMs, let guests run, and take the VMs down in every order and in the middle of things.",
	.vcpus = 2,
	.threads = 6,
	.kinds = kinds,
	.kinds_count = COUNT,
};

/* The way that comes at place `number`: each round goes through all of them in an order of its own. */
static unsigned int way_at(const struct teardown *teardown, uint64_t number)
{
	struct choices choices = choices_for(teardown->options.seed, 1 + 2 * (number / COUNT));
	unsigned int order[COUNT];

	for (unsigned int i = 0; i < COUNT; i++) {
		unsigned int at = choose_below(&choices, i + 1);

		order[i] = order[at];
		order[at] = i;
	}
	return order[number % COUNT];
}

static void go(struct teardown *teardown, uint64_t number, unsigned int process)
{
	unsigned int way = way_at(teardown, number);

	if (!ways[way].possible(teardown))
		return;
	watch(process, ways[way].name);
	teardown->choices = choices_for(teardown->options.seed, 2 + 2 * number);
	ways[way].go(teardown);
	watch(process, NULL);
	did(way);
}

/* All ways once, however long that takes, and then until time is up. */
static _Noreturn void work(struct teardown *teardown, unsigned int process)
{
	uint64_t number;

	while ((number = teardown->shared->ways_begun++) < COUNT || elapsed() < teardown->options.seconds)
		go(teardown, number, process);
	_exit(PASSED);
}

static void start_process(struct teardown *teardown, unsigned int process)
{
	int pipe_fds[2];

	if (fork_child(pipe_fds) == 0)
		work(teardown, process);
	shut(pipe_fds[0]);
	shut(pipe_fds[1]);
}

/* Whoever fails has said so itself. */
static void wait_for_processes(unsigned int count)
{
	int status;

	for (; count; count--)
		if (wait(&status) < 0 || status)
			fail("expected every process to exit with 0, got wait status %#x", status);
}

static void *share(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		fail("cannot map shared memory: %m");
	return memory;
}

static void say_what_is_left_out(const struct teardown *teardown)
{
	for (unsigned int i = 0; i < COUNT; i++)
		if (!ways[i].possible(teardown))
			printf("left out: %s, which this host cannot do\n", ways[i].name);
	printf("left out: unloading KVM's modules, as %s\n",
	       access("/sys/module/kvm_amd/refcnt", F_OK) ? "they are built in" : "that is left to others");
	fflush(stdout);
}

int main(int argc, char **argv)
{
	struct teardown teardown = {
		.options = begin(argc, argv, &program), .kvm = kvm_open(), .shared = share(sizeof(struct shared))};

	teardown.cpuid = cpuid_supported(teardown.kvm);
	say_what_is_left_out(&teardown);
	watch_start(teardown.options.threads);
	for (unsigned int i = 0; i < teardown.options.threads; i++)
		start_process(&teardown, i);
	wait_for_processes(teardown.options.threads);
	metric_count("vms", teardown.shared->vms, "VMs");
	return end();
}
