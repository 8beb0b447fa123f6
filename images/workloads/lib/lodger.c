#define _GNU_SOURCE
#include "lodger.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "paging.h"
#include "roots.h"
#include "stats.h"
#include "touch.h"
#include "workload.h"

/* ---- making them */

static void order_touch(struct inn *inn, const struct lodger *lodger, uint32_t index)
{
	*(struct touch_board *)vm_board(&lodger->vm, index) = (struct touch_board){
		.passes = 2, .pages = LODGER_PAGES, .toggle_every = choose_below(&inn->choices, 3)};
}

static void order_roots(struct inn *inn, const struct lodger *lodger, uint32_t index)
{
	*(struct roots_board *)vm_board(&lodger->vm, index) = (struct roots_board){
		.passes = 2,
		.pages = LODGER_PAGES,
		.every = 1,
		.changes = 1 << CHANGE_L3 | (uint32_t)cpuid_has_nested_paging(&inn->cpuid) << CHANGE_L3_NESTED,
		.paging = choose_below(&inn->choices, PAGINGS),
		.fallback = PAGING_64,
		.l3_stops = 1,
	};
}

void lodger_order(struct inn *inn, const struct lodger *lodger, uint32_t index)
{
	if (lodger->nested)
		order_roots(inn, lodger, index);
	else if (lodger->vm.low)
		order_touch(inn, lodger, index);
}

void lodger_add_vcpu(struct inn *inn, struct lodger *lodger, uint32_t index)
{
	struct vcpu *vcpu = &lodger->vcpus[index];

	vcpu_create(&lodger->vm, index, vcpu);
	lodger_order(inn, lodger, index);
	if (lodger->nested && vcpu_set_cpuid(vcpu, &inn->cpuid))
		fail("expected KVM_SET_CPUID2 to succeed");
	vcpu_reset(vcpu);
}

void lodger_add_vcpus(struct inn *inn, struct lodger *lodger, unsigned int count)
{
	while (lodger->count < count)
		lodger_add_vcpu(inn, lodger, lodger->count++);
}

int lodger_set_data(const struct lodger *lodger, uint32_t flags)
{
	return vm_set_slot(&lodger->vm, SLOT_DATA, flags, GUEST_DATA, LODGER_DATA, lodger->data);
}

void lodger_delete_data(const struct lodger *lodger)
{
	if (vm_set_slot(&lodger->vm, SLOT_DATA, 0, GUEST_DATA, 0, NULL))
		fail("expected the data slot to be deleted");
}

static void add_data(struct lodger *lodger)
{
	lodger->data = memory_for_slot(LODGER_DATA, MAP_PRIVATE);
	if (lodger_set_data(lodger, 0))
		fail("expected the data slot to be set");
}

struct lodger lodger_make_bare(struct inn *inn)
{
	struct lodger lodger = {0};

	vm_create_bare(inn->kvm, &lodger.vm);
	++*inn->vms;
	return lodger;
}

struct lodger lodger_make_empty(struct inn *inn)
{
	struct lodger lodger = {0};

	vm_create(inn->kvm, &lodger.vm);
	LOAD(&lodger.vm, touch);
	add_data(&lodger);
	++*inn->vms;
	return lodger;
}

struct lodger lodger_make(struct inn *inn, unsigned int vcpus)
{
	struct lodger lodger = lodger_make_empty(inn);

	lodger_add_vcpus(inn, &lodger, vcpus);
	return lodger;
}

struct lodger lodger_make_usual(struct inn *inn)
{
	return lodger_make(inn, inn->vcpus);
}

struct lodger lodger_make_nested(struct inn *inn)
{
	struct lodger lodger = lodger_make_empty(inn);

	LOAD(&lodger.vm, roots);
	paging_write(&lodger.vm);
	lodger.nested = true;
	lodger_add_vcpus(inn, &lodger, inn->vcpus);
	return lodger;
}

/* ---- having them work */

uint32_t lodger_passed(const struct lodger *lodger, uint32_t index)
{
	const volatile struct touch_board *touch = vm_board(&lodger->vm, index);
	const volatile struct roots_board *roots = vm_board(&lodger->vm, index);

	return lodger->nested ? roots->l3_passed : touch->passed;
}

static void count_work(const struct lodger *lodger)
{
	for (unsigned int i = 0; i < lodger->count; i++) {
		if (!lodger_passed(lodger, i))
			fail("expected vCPU %u to have counted its passes, got 0", i);
		done->l2_entries += lodger_passed(lodger, i);
	}
}

void lodger_run(const struct vcpu *vcpu)
{
	enum stop stop = vcpu_run(vcpu);

	if (stop != STOP_REPORT)
		fail("expected vCPU %u to report after its stretch, got stop %d (exit reason %u)", vcpu->index, stop,
		     vcpu->run->exit_reason);
}

void lodger_run_stretch(const struct lodger *lodger)
{
	for (unsigned int i = 0; i < lodger->count; i++)
		lodger_run(&lodger->vcpus[i]);
	count_work(lodger);
}

/* ---- in threads */

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

/* SIGUSR1 waits in each of them for KVM_RUN, see lodger_interruptible(). */
static void start_threads(struct lodger *lodger)
{
	const sigset_t usr1 = just_usr1();

	pthread_sigmask(SIG_BLOCK, &usr1, NULL);
	for (unsigned int i = 0; i < lodger->count; i++) {
		errno = pthread_create(&lodger->threads[i], NULL, run_blindly, (void *)(intptr_t)lodger->vcpus[i].fd);
		if (errno)
			fail("cannot start a thread: %m");
	}
}

void lodger_start(struct lodger *lodger)
{
	start_threads(lodger);
	for (unsigned int i = 0; i < lodger->count; i++)
		while (lodger_passed(lodger, i) < 2)
			sched_yield();
	count_work(lodger);
}

void lodger_sleep(struct lodger *lodger)
{
	struct kvm_mp_state halted = {.mp_state = KVM_MP_STATE_HALTED};

	hold_fd(&lodger->extras, stats_open(lodger->vcpus[0].fd));
	lodger->asleep = true;
	lodger_interruptible(lodger);
	for (unsigned int i = 0; i < lodger->count; i++)
		if (ioctl(lodger->vcpus[i].fd, KVM_SET_MP_STATE, &halted))
			fail("expected vCPU %u to be halted, got: %m", i);
	start_threads(lodger);
}

void lodger_join(const struct lodger *lodger)
{
	for (unsigned int i = 0; i < lodger->count; i++)
		pthread_join(lodger->threads[i], NULL);
}

void lodger_interruptible(const struct lodger *lodger)
{
	struct {
		struct kvm_signal_mask head;
		uint8_t set[8];
	} none = {.head = {.len = 8}};

	for (unsigned int i = 0; i < lodger->count; i++)
		if (ioctl(lodger->vcpus[i].fd, KVM_SET_SIGNAL_MASK, &none.head))
			fail("expected KVM_SET_SIGNAL_MASK to succeed, got: %m");
}

void lodger_interrupt(const struct lodger *lodger)
{
	for (unsigned int i = 0; i < lodger->count; i++)
		pthread_kill(lodger->threads[i], SIGUSR1);
}

/* ---- letting go of them */

/* KVM's statistics in debugfs hold a VM only while they are open. -1 where there are none. */
static int open_debugfs(const struct lodger *lodger)
{
	char path[100];

	snprintf(path, sizeof(path), "/sys/kernel/debug/kvm/%d-%d/pf_fixed", getpid(), lodger->vm.fd);
	return open(path, O_RDONLY | O_CLOEXEC);
}

static void hold_vm(struct holds *holds, const struct lodger *lodger)
{
	int debugfs = open_debugfs(lodger);

	hold_fd(holds, lodger->vm.fd);
	hold_fd(holds, stats_open(lodger->vm.fd));
	if (debugfs >= 0)
		hold_fd(holds, debugfs);
	if (lodger->count && !lodger->asleep)
		hold_fd(holds, stats_open(lodger->vcpus[0].fd));
	if (lodger->vm.low)
		hold_memory(holds, lodger->vm.low, LOW_SIZE);
	if (lodger->data)
		hold_memory(holds, lodger->data, LODGER_DATA);
}

static struct holds find_holds(const struct lodger *lodger)
{
	struct holds holds = {0};

	hold_vm(&holds, lodger);
	for (unsigned int i = 0; i < lodger->count; i++) {
		hold_fd(&holds, lodger->vcpus[i].fd);
		hold_memory(&holds, lodger->vcpus[i].run, vcpu_run_size());
	}
	for (unsigned int i = 0; i < lodger->extras.count; i++)
		holds.holds[holds.count++] = lodger->extras.holds[i];
	return holds;
}

void lodger_let_go(struct inn *inn, const struct lodger *lodger)
{
	struct holds holds = find_holds(lodger);

	hold_let_go(&holds, &inn->choices);
}

void lodger_let_go_at_work(struct inn *inn, const struct lodger *lodger)
{
	lodger_let_go(inn, lodger);
	lodger_join(lodger);
}
