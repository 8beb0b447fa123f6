/*
 * vm-teardown: VMs taken down in every way there is.
 *
 * A VM goes when the last reference to it goes: file descriptors of the VM, its vCPUs and their statistics, the mappings of
 * kvm_run, a KVM_RUN under way; or its memory goes first, when the process that made it dies. Each way below makes a
 * VM, most with a guest that has toggled its MMU roots, and lets go of all that in some other order.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/random.h"
#include "lib/stats.h"
#include "lib/touch.h"
#include "lib/vm.h"
#include "lib/workload.h"

#define DATA_PAGES 16
#define CROWD 3 /* processes at once */

static const struct program program = {
	.what = "Create VMs, let guests run, and take the VMs down in every order and in the middle of things.",
	.vcpus = 2,
	.threads = 3,
};

struct teardown {
	int kvm;
	struct options options;
	struct choices choices;
};

/* A VM and its vCPUs, perhaps at work. */
struct guest {
	struct vm vm;
	unsigned int count;
	struct vcpu vcpus[MAX_VCPUS];
	pthread_t threads[MAX_VCPUS];
	void *data;
};

/* ---- making guests */

static void set_up_vcpu(struct teardown *teardown, struct guest *guest, uint32_t index)
{
	vcpu_create(&guest->vm, index, &guest->vcpus[index]);
	vcpu_reset(&guest->vcpus[index]);
	if (guest->vm.low)
		*(struct touch_board *)vm_board(&guest->vm, index) = (struct touch_board){
			.passes = 2,
			.pages = DATA_PAGES,
			.toggle_every = choose_below(&teardown->choices, 3),
		};
}

static struct guest make_guest(struct teardown *teardown, unsigned int vcpus)
{
	struct guest guest = {.count = vcpus, .data = memory_for_slot(DATA_PAGES * PAGE, MAP_PRIVATE)};

	vm_create(teardown->kvm, &guest.vm);
	LOAD(&guest.vm, touch);
	if (vm_set_slot(&guest.vm, SLOT_DATA, 0, GUEST_DATA, DATA_PAGES * PAGE, guest.data))
		fail("expected the data slot to be set");
	for (uint32_t i = 0; i < vcpus; i++)
		set_up_vcpu(teardown, &guest, i);
	return guest;
}

/* ---- having them work */

static void count_work(const struct guest *guest)
{
	for (unsigned int i = 0; i < guest->count; i++) {
		const struct touch_board *board = vm_board(&guest->vm, i);

		if (!board->passed)
			fail("expected vCPU %u to have counted its passes, got 0", i);
		done->l2_entries += board->passed;
	}
}

static void run_a_stretch(const struct guest *guest)
{
	for (unsigned int i = 0; i < guest->count; i++) {
		enum stop stop = vcpu_run(&guest->vcpus[i]);

		if (stop != STOP_REPORT)
			fail("expected vCPU %u to report after its stretch, got stop %d", i, stop);
	}
	count_work(guest);
}

/* Run a vCPU until its file descriptor is closed. Nothing else of it is touched, so that it can all go meanwhile. */
static void *run_blindly(void *argument)
{
	int fd = (int)(intptr_t)argument;

	while (ioctl(fd, KVM_RUN, 0) == 0 || errno == EINTR || errno == EFAULT)
		;
	if (errno != EBADF)
		fail("expected KVM_RUN to go on until its file descriptor was closed, got: %m");
	return NULL;
}

static void start_work(struct guest *guest)
{
	for (unsigned int i = 0; i < guest->count; i++) {
		errno = pthread_create(&guest->threads[i], NULL, run_blindly, (void *)(intptr_t)guest->vcpus[i].fd);
		if (errno)
			fail("cannot start a thread: %m");
	}
	for (unsigned int i = 0; i < guest->count; i++) {
		const volatile struct touch_board *board = vm_board(&guest->vm, i);

		while (board->passed < 2)
			sched_yield();
	}
	count_work(guest);
}

/* ---- letting go of them */

/* Something that keeps a VM, or what it needs, alive: memory, or else a file descriptor. */
struct hold {
	int fd;
	void *memory;
	size_t size;
};

#define MOST_HOLDS (5 + 2 * MAX_VCPUS)

static unsigned int find_holds(const struct guest *guest, struct hold *holds)
{
	unsigned int count = 0;

	holds[count++] = (struct hold){.fd = guest->vm.fd};
	holds[count++] = (struct hold){.fd = stats_open(guest->vm.fd)};
	if (guest->count)
		holds[count++] = (struct hold){.fd = stats_open(guest->vcpus[0].fd)};
	if (guest->vm.low)
		holds[count++] = (struct hold){.memory = guest->vm.low, .size = LOW_SIZE};
	if (guest->data)
		holds[count++] = (struct hold){.memory = guest->data, .size = DATA_PAGES * PAGE};
	for (unsigned int i = 0; i < guest->count; i++) {
		holds[count++] = (struct hold){.fd = guest->vcpus[i].fd};
		holds[count++] = (struct hold){.memory = guest->vcpus[i].run, .size = vcpu_run_size()};
	}
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
	done->iterations++;
}

/* ---- the ways */

static void after_work(struct teardown *teardown)
{
	struct guest guest = make_guest(teardown, teardown->options.vcpus);

	run_a_stretch(&guest);
	let_go(teardown, &guest);
}

static void at_work(struct teardown *teardown)
{
	struct guest guest = make_guest(teardown, teardown->options.vcpus);

	start_work(&guest);
	let_go(teardown, &guest);
	for (unsigned int i = 0; i < guest.count; i++)
		pthread_join(guest.threads[i], NULL);
}

static void never_run(struct teardown *teardown)
{
	struct guest guest = make_guest(teardown, teardown->options.vcpus);

	let_go(teardown, &guest);
}

static void without_vcpus(struct teardown *teardown)
{
	struct guest guest = make_guest(teardown, 0);

	let_go(teardown, &guest);
}

/* Kernels differ in what they say to it (6.1: ENOSPC, as no slots means no pages for an MMU); it only has to come back. */
static void without_memory(struct teardown *teardown)
{
	struct guest guest = {.count = 1};

	vm_create_bare(teardown->kvm, &guest.vm);
	set_up_vcpu(teardown, &guest, 0);
	ioctl(guest.vcpus[0].fd, KVM_RUN, 0);
	let_go(teardown, &guest);
}

static void without_anything(struct teardown *teardown)
{
	struct guest guest = {0};

	vm_create_bare(teardown->kvm, &guest.vm);
	let_go(teardown, &guest);
}

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

/* The process dies with its guest at work: its memory goes first, and takes the MMU with it, and the VM afterwards. */
static void die_at_work(struct teardown *teardown, bool killed)
{
	int pipe_fds[2];
	pid_t child = fork_child(pipe_fds);
	char byte = 0;

	if (child == 0) {
		struct guest guest = make_guest(teardown, teardown->options.vcpus);

		start_work(&guest);
		if (!killed)
			_exit(PASSED);
		if (write(pipe_fds[1], &byte, 1) == 1)
			pause();
		_exit(FAILED);
	}
	shut(pipe_fds[1]);
	if (killed && read(pipe_fds[0], &byte, 1) == 1)
		kill(child, SIGKILL);
	shut(pipe_fds[0]);
	wait_for_child(child, killed);
	done->iterations++;
}

static void killed_at_work(struct teardown *teardown)
{
	die_at_work(teardown, true);
}

static void exits_at_work(struct teardown *teardown)
{
	die_at_work(teardown, false);
}

/* A child has it all from its parent, may use none of it, and is the last to let go. */
static void inherited(struct teardown *teardown)
{
	struct guest guest = make_guest(teardown, teardown->options.vcpus);
	int pipe_fds[2];
	char byte;
	pid_t child;

	run_a_stretch(&guest);
	child = fork_child(pipe_fds);
	if (child == 0) {
		close(pipe_fds[1]);
		if (ioctl(guest.vcpus[0].fd, KVM_RUN, 0) == 0 || errno != EIO)
			fail("expected KVM_RUN to fail in another process with EIO, got: %m");
		_exit(read(pipe_fds[0], &byte, 1) == 0 ? PASSED : FAILED);
	}
	let_go(teardown, &guest);
	shut(pipe_fds[1]);
	shut(pipe_fds[0]);
	wait_for_child(child, false);
}

/* Several processes at once. */
static void crowded(struct teardown *teardown)
{
	static void (*const ways[])(struct teardown *) = {after_work, at_work, never_run};
	pid_t children[CROWD];
	int pipe_fds[2];

	for (int i = 0; i < CROWD; i++) {
		children[i] = fork_child(pipe_fds);
		if (children[i] == 0) {
			ways[i % 3](teardown);
			ways[(i + 1) % 3](teardown);
			_exit(PASSED);
		}
		shut(pipe_fds[0]);
		shut(pipe_fds[1]);
	}
	for (int i = 0; i < CROWD; i++)
		wait_for_child(children[i], false);
}

/* ---- all of them, over and over */

static void (*const ways[])(struct teardown *) = {
	after_work,	at_work,	after_work, at_work,   without_vcpus, without_memory, without_anything, never_run,
	killed_at_work, exits_at_work,	inherited,  crowded,
};

#define WAYS (sizeof(ways) / sizeof(ways[0]))

/* Go through all ways once in a new order, or until time is up. */
static void one_round(struct teardown *teardown, bool whole)
{
	size_t order[WAYS];

	for (size_t i = 0; i < WAYS; i++) {
		size_t at = choose_below(&teardown->choices, (unsigned int)i + 1);

		order[i] = order[at];
		order[at] = i;
	}
	for (size_t i = 0; i < WAYS && (whole || elapsed() < teardown->options.seconds); i++)
		ways[order[i]](teardown);
}

int main(int argc, char **argv)
{
	struct teardown teardown = {.options = begin(argc, argv, &program), .kvm = kvm_open()};

	teardown.choices = choices_for(teardown.options.seed, 0);
	one_round(&teardown, true);
	while (elapsed() < teardown.options.seconds)
		one_round(&teardown, false);
	metric_count("vms", done->iterations, "VMs");
	return end();
}
