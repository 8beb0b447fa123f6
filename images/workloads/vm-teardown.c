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
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/child.h"
#include "lib/cpuid.h"
#include "lib/crowd.h"
#include "lib/devices.h"
#include "lib/hold.h"
#include "lib/lodger.h"
#include "lib/passing.h"
#include "lib/random.h"
#include "lib/stats.h"
#include "lib/vm.h"
#include "lib/watch.h"
#include "lib/workload.h"

GUEST_PROGRAM(smi_stop);

/* What all processes share. */
struct shared {
	_Atomic uint64_t ways_begun;
	_Atomic uint64_t vms;
};

struct teardown {
	struct options options;
	struct inn inn;
	struct shared *shared;
};

/* ---- ways in one process */

static void after_work(struct inn *inn)
{
	struct lodger lodger = lodger_make_usual(inn);

	lodger_run_stretch(&lodger);
	lodger_let_go(inn, &lodger);
}

static void at_work(struct inn *inn)
{
	struct lodger lodger = lodger_make_usual(inn);

	lodger_start(&lodger);
	lodger_let_go_at_work(inn, &lodger);
}

static void never_run(struct inn *inn)
{
	struct lodger lodger = lodger_make_usual(inn);

	lodger_let_go(inn, &lodger);
}

static void without_vcpus(struct inn *inn)
{
	struct lodger lodger = lodger_make_empty(inn);

	lodger_let_go(inn, &lodger);
}

/* Kernels differ in what they say to it (6.1: ENOSPC, as without slots an MMU gets no pages); it has to come back. */
static void without_memory(struct inn *inn)
{
	struct lodger lodger = lodger_make_bare(inn);

	lodger_add_vcpus(inn, &lodger, 1);
	ioctl(lodger.vcpus[0].fd, KVM_RUN, 0);
	lodger_let_go(inn, &lodger);
}

static void without_anything(struct inn *inn)
{
	struct lodger lodger = lodger_make_bare(inn);

	lodger_let_go(inn, &lodger);
}

/* ---- invalid roots, changes under way */

/* Roots go invalid with a slot; those of vCPUs that don't run again stay so until the end. */
static void with_invalid_roots(struct inn *inn)
{
	struct lodger lodger = lodger_make_usual(inn);

	lodger_run_stretch(&lodger);
	lodger_delete_data(&lodger);
	lodger_let_go(inn, &lodger);
}

static void with_invalid_roots_at_work(struct inn *inn)
{
	struct lodger lodger = lodger_make_usual(inn);

	lodger_start(&lodger);
	lodger_delete_data(&lodger);
	lodger_let_go_at_work(inn, &lodger);
}

/* Change slots until the VM's file descriptor is closed, and drop pages behind them, which KVM hears of. */
static void *change_blindly(void *argument)
{
	const struct lodger *lodger = argument;
	uint32_t round = 0;
	int error;

	do {
		bool gone = round % 2;
		uint32_t flags = round & 4 ? KVM_MEM_LOG_DIRTY_PAGES : 0;

		error = vm_set_slot(&lodger->vm, SLOT_DATA, flags, GUEST_DATA, gone ? 0 : LODGER_DATA, lodger->data);
		madvise(lodger->data, LODGER_DATA, MADV_DONTNEED);
		round++;
	} while (error != EBADF);
	return NULL;
}

static void with_changing_slots(struct inn *inn)
{
	struct lodger lodger = lodger_make_usual(inn);
	pthread_t changer;

	lodger_start(&lodger);
	lodger_delete_data(&lodger);
	errno = pthread_create(&changer, NULL, change_blindly, &lodger);
	if (errno)
		fail("cannot start a thread: %m");
	usleep(choose_below(&inn->choices, 20000));
	lodger_let_go_at_work(inn, &lodger);
	pthread_join(changer, NULL);
}

static void with_dirty_log(struct inn *inn)
{
	struct lodger lodger = lodger_make_usual(inn);
	uint64_t bitmap[(LODGER_PAGES + 63) / 64];
	struct kvm_dirty_log log = {.slot = SLOT_DATA, .dirty_bitmap = bitmap};

	lodger_start(&lodger);
	if (lodger_set_data(&lodger, KVM_MEM_LOG_DIRTY_PAGES) || ioctl(lodger.vm.fd, KVM_GET_DIRTY_LOG, &log))
		fail("expected the data slot's writes to be logged, got: %m");
	lodger_let_go_at_work(inn, &lodger);
}

#define DIRTY_RING_SIZE (16 * PAGE)

/* Its pages are mapped, and keep the vCPU. */
static void with_dirty_ring(struct inn *inn)
{
	struct lodger lodger = lodger_make_empty(inn);
	struct kvm_enable_cap cap = {.cap = KVM_CAP_DIRTY_LOG_RING, .args = {DIRTY_RING_SIZE}};
	void *ring;

	if (ioctl(lodger.vm.fd, KVM_ENABLE_CAP, &cap))
		fail("expected KVM to have a dirty ring, got: %m");
	lodger_add_vcpus(inn, &lodger, inn->vcpus);
	if (lodger_set_data(&lodger, KVM_MEM_LOG_DIRTY_PAGES))
		fail("expected the data slot's writes to be logged");
	ring = mmap(NULL, DIRTY_RING_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, lodger.vcpus[0].fd,
		    KVM_DIRTY_LOG_PAGE_OFFSET * PAGE);
	if (ring == MAP_FAILED)
		fail("cannot map the dirty ring: %m");
	hold_memory(&lodger.extras, ring, DIRTY_RING_SIZE);
	lodger_run_stretch(&lodger);
	lodger_let_go(inn, &lodger);
}

/* ---- in the middle of something */

static void in_smm(struct inn *inn)
{
	struct lodger lodger = lodger_make_empty(inn);

	if (!vm_allow_smi(&lodger.vm))
		fail("expected KVM to emulate SMM");
	vm_load(&lodger.vm, SMM_ENTRY, guest_smi_stop, (size_t)(guest_smi_stop_end - guest_smi_stop));
	if (lodger_set_data(&lodger, 0))
		fail("expected the data slot to be set for SMM");
	lodger_add_vcpus(inn, &lodger, inn->vcpus);
	lodger_run_stretch(&lodger);
	for (unsigned int i = 0; i < lodger.count; i++) {
		vcpu_smi(&lodger.vcpus[i]);
		lodger_run(&lodger.vcpus[i]);
		if (!(lodger.vcpus[i].run->flags & KVM_RUN_X86_SMM))
			fail("expected vCPU %u to report from SMM", i);
	}
	lodger_let_go(inn, &lodger);
}

static void in_l3(struct inn *inn)
{
	struct lodger lodger = lodger_make_nested(inn);

	lodger_run_stretch(&lodger);
	if (one_in(&inn->choices, 2))
		lodger_delete_data(&lodger);
	lodger_let_go(inn, &lodger);
}

static void l3_at_work(struct inn *inn)
{
	struct lodger lodger = lodger_make_nested(inn);

	lodger_start(&lodger);
	lodger_let_go_at_work(inn, &lodger);
}

/* ---- with devices, and what needs an interrupt controller */

static void with_devices(struct inn *inn)
{
	struct lodger lodger = lodger_make_empty(inn);

	devices_add(&lodger.vm, &lodger.extras);
	lodger_add_vcpus(inn, &lodger, inn->vcpus);
	lodger_run_stretch(&lodger);
	lodger_let_go(inn, &lodger);
}

static void with_devices_at_work(struct inn *inn)
{
	struct lodger lodger = lodger_make_empty(inn);

	devices_add(&lodger.vm, &lodger.extras);
	lodger_add_vcpus(inn, &lodger, inn->vcpus);
	lodger_start(&lodger);
	lodger_let_go_at_work(inn, &lodger);
}

static struct lodger make_halted(struct inn *inn)
{
	struct lodger lodger = lodger_make_empty(inn);

	devices_add_irqchip(&lodger.vm);
	lodger_add_vcpus(inn, &lodger, inn->vcpus);
	lodger_run_stretch(&lodger);
	lodger_sleep(&lodger);
	usleep(choose_below(&inn->choices, 20000));
	return lodger;
}

static void halted(struct inn *inn)
{
	struct lodger lodger = make_halted(inn);

	lodger_let_go(inn, &lodger);
	lodger_interrupt(&lodger);
	lodger_join(&lodger);
}

static void interrupted(struct inn *inn)
{
	struct lodger lodger = lodger_make_usual(inn);

	lodger_interruptible(&lodger);
	lodger_start(&lodger);
	for (unsigned int i = 0; i < 8; i++) {
		lodger.vcpus[0].run->immediate_exit = i % 2;
		lodger_interrupt(&lodger);
		usleep(choose_below(&inn->choices, 2000));
	}
	lodger_let_go(inn, &lodger);
	lodger_interrupt(&lodger);
	lodger_join(&lodger);
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

static void fail_for_files(struct inn *inn, const struct lodger *lodger)
{
	struct kvm_create_device device = {.type = KVM_DEV_TYPE_VFIO};
	struct rlimit before = forbid_files();

	expect_error(EMFILE, inn->kvm, KVM_CREATE_VM, 0);
	expect_error(EMFILE, lodger->vm.fd, KVM_CREATE_VCPU, lodger->count);
	expect_error(EMFILE, lodger->vm.fd, KVM_GET_STATS_FD, 0);
	expect_error(EMFILE, lodger->vcpus[0].fd, KVM_GET_STATS_FD, 0);
	if (ioctl(lodger->vm.fd, KVM_CREATE_DEVICE, &device) >= 0)
		fail("expected KVM_CREATE_DEVICE to fail without file descriptors");
	if (setrlimit(RLIMIT_NOFILE, &before))
		fail("cannot raise the limit of file descriptors again: %m");
}

/* Error paths of what makes VMs, vCPUs and devices; what was made before and after must not notice. */
static void after_errors(struct inn *inn)
{
	struct kvm_create_device nonsense = {.type = 0xffff};
	struct lodger lodger = lodger_make(inn, 1);
	int most = ioctl(lodger.vm.fd, KVM_CHECK_EXTENSION, KVM_CAP_MAX_VCPU_ID);

	lodger_run_stretch(&lodger);
	expect_error(EINVAL, inn->kvm, KVM_CREATE_VM, 1 << 20);
	expect_error(EEXIST, lodger.vm.fd, KVM_CREATE_VCPU, 0);
	expect_error(EINVAL, lodger.vm.fd, KVM_CREATE_VCPU, most);
	expect_error(ENODEV, lodger.vm.fd, KVM_CREATE_DEVICE, &nonsense);
	fail_for_files(inn, &lodger);
	lodger_add_vcpus(inn, &lodger, inn->vcpus);
	lodger_run_stretch(&lodger);
	lodger_let_go(inn, &lodger);
}

/* A vCPU that finds roots and pages of others there already. */
static void with_late_vcpu(struct inn *inn)
{
	struct lodger lodger = lodger_make(inn, 1);

	lodger_start(&lodger);
	lodger_add_vcpu(inn, &lodger, 1);
	lodger_run(&lodger.vcpus[1]);
	hold_fd(&lodger.extras, lodger.vcpus[1].fd);
	hold_memory(&lodger.extras, lodger.vcpus[1].run, vcpu_run_size());
	lodger_let_go_at_work(inn, &lodger);
}

/* ---- ways of several processes */

static struct lodger make_working(struct inn *inn)
{
	struct lodger lodger = lodger_make_usual(inn);

	lodger_start(&lodger);
	return lodger;
}

static struct lodger make_nested_working(struct inn *inn)
{
	struct lodger lodger = lodger_make_nested(inn);

	lodger_start(&lodger);
	return lodger;
}

/* The process dies with its guest at work: its memory goes first, and takes the MMU with it, and the VM afterwards. */
static void die(struct inn *inn, struct lodger (*make)(struct inn *), bool killed)
{
	int pipe_fds[2];
	pid_t child = child_fork(pipe_fds);

	if (child == 0) {
		struct lodger lodger = make(inn);

		(void)lodger;
		if (!killed)
			_exit(PASSED);
		child_wait_to_be_killed(pipe_fds[1]);
	}
	shut(pipe_fds[1]);
	if (killed)
		child_kill_when_ready(child, pipe_fds[0]);
	else
		shut(pipe_fds[0]);
	child_wait(child, killed);
}

static void killed_at_work(struct inn *inn)
{
	die(inn, make_working, true);
}

static void exits_at_work(struct inn *inn)
{
	die(inn, make_working, false);
}

static void killed_in_l3(struct inn *inn)
{
	die(inn, make_nested_working, true);
}

static void killed_halted(struct inn *inn)
{
	die(inn, make_halted, true);
}

static void keep_over_exec(int fd)
{
	if (fcntl(fd, F_SETFD, 0))
		fail("cannot have a file descriptor kept over exec: %m");
}

/* exec ends the threads in KVM_RUN and takes their memory away; what is not closed by it ends with the new program. */
static struct lodger exec_at_work(struct inn *inn)
{
	struct lodger lodger = make_working(inn);

	if (one_in(&inn->choices, 2))
		keep_over_exec(lodger.vm.fd);
	for (unsigned int i = 0; i < lodger.count; i++)
		if (one_in(&inn->choices, 2))
			keep_over_exec(lodger.vcpus[i].fd);
	execl("/bin/true", "true", NULL);
	fail("cannot run /bin/true: %m");
}

static void execs_at_work(struct inn *inn)
{
	die(inn, exec_at_work, false);
}

static void must_be_foreign(int vcpu)
{
	if (ioctl(vcpu, KVM_RUN, 0) == 0 || errno != EIO)
		fail("expected KVM_RUN to fail in another process with EIO, got: %m");
}

/* A child has it all from its parent, may use none of it, and is the last to let go. */
static void inherited(struct inn *inn)
{
	struct lodger lodger = lodger_make_usual(inn);
	int pipe_fds[2];
	char byte;
	pid_t child;

	lodger_run_stretch(&lodger);
	child = child_fork(pipe_fds);
	if (child == 0) {
		close(pipe_fds[1]);
		must_be_foreign(lodger.vcpus[0].fd);
		_exit(read(pipe_fds[0], &byte, 1) == 0 ? PASSED : FAILED);
	}
	lodger_let_go(inn, &lodger);
	shut(pipe_fds[1]);
	shut(pipe_fds[0]);
	child_wait(child, false);
}

/* A child makes a guest, has it work, sends what keeps it to a socket, and dies. Who receives that may let it go. */
static _Noreturn void pass_to(struct inn *inn, int socket, int pipe_fd)
{
	struct lodger lodger = make_working(inn);

	passing_send(socket, (int[]){lodger.vm.fd, lodger.vcpus[0].fd, stats_open(lodger.vcpus[0].fd)});
	child_wait_to_be_killed(pipe_fd);
}

static void take_over(struct inn *inn, int socket)
{
	unsigned int first = choose_below(&inn->choices, PASSED_FDS);
	int fds[PASSED_FDS];

	passing_receive(socket, fds);
	must_be_foreign(fds[1]);
	for (unsigned int i = 0; i < PASSED_FDS; i++)
		shut(fds[(first + i) % PASSED_FDS]);
}

static void pass(struct inn *inn, bool received)
{
	bool wait_first = one_in(&inn->choices, 2);
	int sockets[2], pipe_fds[2];
	pid_t child;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets))
		fail("cannot make sockets: %m");
	child = child_fork(pipe_fds);
	if (child == 0)
		pass_to(inn, sockets[1], pipe_fds[1]);
	shut(sockets[1]);
	shut(pipe_fds[1]);
	child_kill_when_ready(child, pipe_fds[0]);
	if (wait_first)
		child_wait(child, true);
	if (received)
		take_over(inn, sockets[0]);
	shut(sockets[0]);
	if (!wait_first)
		child_wait(child, true);
}

static void passed_on(struct inn *inn)
{
	pass(inn, true);
}

static void lost_in_socket(struct inn *inn)
{
	pass(inn, false);
}

static void crowded(struct inn *inn)
{
	struct crowd crowd;

	crowd_gather(&crowd, inn);
	crowd_kill(&crowd);
}

/* ---- all of them, over and over */

static bool any_host(const struct inn *inn)
{
	(void)inn;
	return true;
}

static bool host_has_svm(const struct inn *inn)
{
	return cpuid_has_svm(&inn->cpuid);
}

static bool host_has_smm(const struct inn *inn)
{
	return ioctl(inn->kvm, KVM_CHECK_EXTENSION, KVM_CAP_X86_SMM) > 0;
}

static bool host_has_dirty_ring(const struct inn *inn)
{
	return ioctl(inn->kvm, KVM_CHECK_EXTENSION, KVM_CAP_DIRTY_LOG_RING) > 0;
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
	void (*go)(struct inn *);
	bool (*possible)(const struct inn *);
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

/* Choices are by the number of the way begun, so that it doesn't matter which process takes it. */
static void go(struct teardown *teardown, uint64_t number, unsigned int process)
{
	unsigned int way = way_at(teardown, number);

	if (!ways[way].possible(&teardown->inn))
		return;
	watch(process, ways[way].name);
	teardown->inn.choices = choices_for(teardown->options.seed, 2 + 2 * number);
	ways[way].go(&teardown->inn);
	watch(process, NULL);
	did(way);
}

/* All ways once, unless the last second is near, as a way takes some; and then until time is up. */
static bool goes_on(const struct teardown *teardown, uint64_t number)
{
	unsigned int seconds = teardown->options.seconds;

	if (elapsed() < seconds || !done->l2_entries)
		return true;
	return number < COUNT && elapsed() < (seconds + last_second()) / 2;
}

static _Noreturn void work(struct teardown *teardown, unsigned int process)
{
	uint64_t number;

	while (goes_on(teardown, number = teardown->shared->ways_begun++))
		go(teardown, number, process);
	_exit(PASSED);
}

static void start_process(struct teardown *teardown, unsigned int process)
{
	int pipe_fds[2];

	if (child_fork(pipe_fds) == 0)
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

static void say_what_is_left_out(const struct inn *inn)
{
	for (unsigned int i = 0; i < COUNT; i++)
		if (!ways[i].possible(inn))
			printf("left out: %s, which this host cannot do\n", ways[i].name);
	printf("left out: unloading KVM's modules, as %s\n",
	       access("/sys/module/kvm_amd/refcnt", F_OK) ? "they are built in" : "that is left to others");
	fflush(stdout);
}

int main(int argc, char **argv)
{
	struct teardown teardown = {.options = begin(argc, argv, &program)};

	teardown.inn.kvm = kvm_open();
	teardown.shared = share(sizeof(struct shared));
	teardown.inn.vcpus = teardown.options.vcpus;
	teardown.inn.cpuid = cpuid_supported(teardown.inn.kvm);
	teardown.inn.vms = &teardown.shared->vms;
	say_what_is_left_out(&teardown.inn);
	watch_start(teardown.options.threads);
	for (unsigned int i = 0; i < teardown.options.threads; i++)
		start_process(&teardown, i);
	wait_for_processes(teardown.options.threads);
	metric_count("vms", teardown.shared->vms, "VMs");
	return end();
}
