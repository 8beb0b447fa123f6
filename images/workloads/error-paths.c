/*
 * error-paths: what KVM does when an allocation fails.
 *
 * Of each operation (lib/operations.c) the first allocation is made to fail, then the second, and so on until it needs no
 * more of them. It has to fail with a clean error (or to do without that memory), nothing that it was to change may have
 * changed, guests have to go on working, and the same once more, with memory, has to succeed. No VM may stay behind. Then
 * operations are chosen at random until time is up. Locks that are kept are for lockdep to see, memory for KASAN and kmemleak.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/faults.h"
#include "lib/operations.h"
#include "lib/random.h"
#include "lib/scene.h"
#include "lib/vm.h"
#include "lib/watch.h"
#include "lib/workload.h"

#define GONE_WITHIN 30 /* seconds */
#define POINTS_AT_A_TIME 4 /* of an operation; all operations have had their first ones before one has had all */

/* ---- what all workers share */

enum phase { SLABS, PAGES, RANDOM, PHASES };

/* The search for the points of one operation. */
struct hunt {
	_Atomic unsigned int taken; /* by workers, in order */
	_Atomic unsigned int end; /* the first that wasn't hit; 0 while all were */
	_Atomic unsigned int hit;
};

struct worker {
	pid_t pid;
	char doing[80]; /* what, for the watch */
};

static struct shared {
	struct hunt hunts[RANDOM][MOST_OPERATIONS];
	struct worker workers[MOST_THREADS];
	_Atomic uint64_t injections, did_without, no_memory, bad_address;
} *shared;

static unsigned int worker_index(const struct worker *worker)
{
	return (unsigned int)(worker - shared->workers);
}

/* ---- one point of one operation */

static void expect_result(const struct operation *operation, int error, const char *when)
{
	if (error != operation->refused)
		fail("expected %s %s to give \"%s\", got \"%s\"", operation->name, when, strerror(operation->refused),
		     strerror(error));
}

static void judge(const struct operation *operation, unsigned int nth, bool hit, int error)
{
	if (!hit) {
		expect_result(operation, error, "with memory enough");
		return;
	}
	if (error != operation->refused && error != ENOMEM && error != EFAULT)
		fail("expected %s to fail with ENOMEM as its allocation %u failed, got \"%s\"", operation->name, nth,
		     strerror(error));
	shared->injections++;
	shared->did_without += error == operation->refused;
	shared->no_memory += error == ENOMEM;
	shared->bad_address += error == EFAULT;
}

static void recover(struct scene *scene, const struct operation *operation)
{
	if (operation->intact)
		scene_all_work(scene);
	if (operation->once)
		return;
	expect_result(operation, operation->act(scene), "after it had failed for lack of memory");
	operation->undo(scene);
}

/* Have an operation's nth allocation fail. True if it had that many. */
static bool attempt(struct worker *worker, struct scene *scene, unsigned int index, unsigned int nth)
{
	const struct operation *operation = &operations[index];
	int error;
	bool hit;

	snprintf(worker->doing, sizeof(worker->doing), "%s, its allocation %u failing", operation->name, nth);
	watch(worker_index(worker), worker->doing);
	operation->prepare(scene);
	faults_arm(nth);
	error = operation->act(scene);
	hit = faults_disarm();
	judge(operation, nth, hit, error);
	if (error)
		recover(scene, operation);
	else
		operation->undo(scene);
	did(index);
	return hit;
}

/* ---- all points of all operations, and then any of them */

static bool time_to_hunt(void)
{
	return elapsed() < last_second() || !done->iterations;
}

static void hunt(struct worker *worker, struct scene *scene, enum phase phase, unsigned int index)
{
	struct hunt *hunt = &shared->hunts[phase][index];

	for (unsigned int i = 0; i < POINTS_AT_A_TIME && !hunt->end && time_to_hunt(); i++) {
		unsigned int step = operations[index].step;
		unsigned int nth = 1 + hunt->taken++ * (step ? step : 1);

		if (attempt(worker, scene, index, nth))
			hunt->hit++;
		else
			hunt->end = nth;
	}
	operation_leave(&operations[index], scene);
}

static bool all_found(enum phase phase)
{
	for (unsigned int i = 0; i < operations_count; i++)
		if (!shared->hunts[phase][i].end)
			return false;
	return true;
}

/* Workers begin with different operations. */
static void hunt_all(struct worker *worker, struct scene *scene, enum phase phase)
{
	unsigned int first = worker_index(worker) * operations_count / scene->options.threads;

	while (!all_found(phase) && time_to_hunt())
		for (unsigned int i = 0; i < operations_count; i++)
			if (!shared->hunts[phase][(first + i) % operations_count].end)
				hunt(worker, scene, phase, (first + i) % operations_count);
}

static void at_random(struct worker *worker, struct scene *scene)
{
	struct choices choices = choices_for(scene->options.seed, worker_index(worker));

	while (elapsed() < scene->options.seconds) {
		unsigned int index = choose_below(&choices, operations_count);
		unsigned int beyond = shared->hunts[SLABS][index].end + shared->hunts[PAGES][index].end;

		attempt(worker, scene, index, 1 + choose_below(&choices, beyond));
		operation_leave(&operations[index], scene);
	}
}

static _Noreturn void be_worker(struct worker *worker, struct options options, enum phase phase)
{
	struct scene scene;

	watch(worker_index(worker), "setting up VMs");
	scene_set(&scene, options);
	if (phase == RANDOM)
		at_random(worker, &scene);
	else
		hunt_all(worker, &scene, phase);
	watch(worker_index(worker), "taking VMs down");
	scene_clear(&scene);
	watch(worker_index(worker), NULL);
	_exit(PASSED);
}

static double end_of(enum phase phase, struct options options)
{
	return phase == RANDOM ? options.seconds : last_second();
}

/* ---- the workers seen from outside */

static void start_worker(struct worker *worker, struct options options, enum phase phase)
{
	pid_t parent = getpid(), child;

	child = fork();
	if (child < 0)
		fail("cannot fork: %m");
	if (child) {
		worker->pid = child;
		return;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(FAILED);
	be_worker(worker, options, phase);
}

static void wait_for_one(void)
{
	int status;

	if (wait(&status) < 0)
		fail("cannot wait for a worker: %m");
	if (WIFEXITED(status) && WEXITSTATUS(status) == FAILED)
		_exit(FAILED); /* it has said why */
	if (status)
		fail("expected a worker to end well, got wait status %#x", status);
}

/* A VM that a process has made has a directory called PID-FD. */
static bool has_vm(const struct worker *worker)
{
	DIR *directory = opendir("/sys/kernel/debug/kvm");
	bool has = false;
	struct dirent *entry;

	while (directory && !has && (entry = readdir(directory))) {
		char *rest;

		has = strtol(entry->d_name, &rest, 10) == worker->pid && *rest == '-';
	}
	if (directory)
		closedir(directory);
	return has;
}

/* Where there is no time to wait for that, rig-run does, and says what is left. */
static void expect_no_vm(const struct worker *worker)
{
	double begun = elapsed();

	while (elapsed() < last_second() && has_vm(worker)) {
		if (elapsed() - begun > GONE_WITHIN)
			fail("expected all VMs to go with their process %d, got some in /sys/kernel/debug/kvm after %d s",
			     worker->pid, GONE_WITHIN);
		usleep(50000);
	}
}

static void go_through(struct options options, enum phase phase)
{
	static const enum faults faults[PHASES] = {FAULT_SLAB, FAULT_PAGE, FAULT_SLAB | FAULT_PAGE};

	faults_choose(faults[phase]);
	memset(shared->workers, 0, sizeof(shared->workers));
	for (unsigned int i = 0; i < options.threads; i++)
		start_worker(&shared->workers[i], options, phase);
	for (unsigned int i = 0; i < options.threads; i++)
		wait_for_one();
	for (unsigned int i = 0; i < options.threads; i++)
		expect_no_vm(&shared->workers[i]);
}

/* ---- all together */

/* Of a hunt that went on to the end. */
static void report_points(const char *kind, unsigned int index, const struct hunt *hunt, bool exact)
{
	char called[64];

	if (!hunt->end)
		return;
	snprintf(called, sizeof(called), "%s_%s", kind, operations[index].name);
	if (exact)
		metric_exact(called, hunt->hit, "allocations", 1);
	else
		metric_count(called, hunt->hit, "allocations");
}

static void report_all_points(void)
{
	bool ours = faults_are_only_ours();

	for (unsigned int i = 0; i < operations_count; i++) {
		report_points("points", i, &shared->hunts[SLABS][i], ours && !operations[i].varies);
		report_points("page_points", i, &shared->hunts[PAGES][i], false);
	}
}

static void report(void)
{
	report_all_points();
	metric_count("injections", shared->injections, "allocations");
	metric_count("did_without", shared->did_without, "times");
	metric_count("errors_ENOMEM", shared->no_memory, "errors");
	metric_count("errors_EFAULT", shared->bad_address, "errors");
}

int main(int argc, char **argv)
{
	static const char *names[MOST_OPERATIONS];
	struct program program = {
		.what = "Make allocations of KVM fail, one by one, and see that nothing else comes of it.",
		.vcpus = 1,
		.threads = 2,
		.kinds = names,
		.kinds_count = operations_count,
	};
	struct options options;

	for (unsigned int i = 0; i < operations_count; i++)
		names[i] = operations[i].name;
	options = begin(argc, argv, &program);
	shut(kvm_open());
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		fail("cannot map what the workers share: %m");
	watch_start(options.threads);
	for (enum phase phase = SLABS; phase < PHASES; phase++)
		if (elapsed() < end_of(phase, options))
			go_through(options, phase);
	report();
	return end();
}
