/*
 * ktap-run SECONDS DIRECTORY TEST…
 *
 * Run programs of DIRECTORY one after the other and say in KTAP how each went. A TEST is one argument:
 *
 *	"LIMIT KIND NAME PROGRAM [ARGUMENT…]"
 *
 * LIMIT is in seconds; a test that needs longer is killed with all it started. KIND is "guest" for a test that can't
 * pass without having run a nested guest, "host" for any other. No test starts after SECONDS.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PASSED = 0, FAILED = 1, USAGE = 2, SKIPPED = 4, CANNOT_RUN = 127 };
#define MOST_WORDS 32
#define BURIAL 20 /* seconds a killed test may take to go */
#ifndef KMSG /* tests have their own */
#define KMSG "/dev/kmsg"
#endif

struct test {
	double limit;
	bool guest;
	const char *name;
	char *argv[MOST_WORDS];
	char path[512];
};

struct ended {
	bool timed_out;
	bool gone; /* false: not even SIGKILL ended it */
	int status;
	double seconds;
};

/* What a test writes, to be handed on line by line. */
struct output {
	int fd;
	size_t used;
	char line[1024];
};

static unsigned int finished, entered, failed, skipped;

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void report_progress(void)
{
	printf("@progress {\"iterations\":%u,\"l2_entries\":%u}\n", finished, entered);
	fflush(stdout);
}

/* Say in the kernel's log which test runs, for whoever reads what it complains about. */
static void mark(const char *name)
{
	char text[128];
	int fd = open(KMSG, O_WRONLY | O_CLOEXEC);

	snprintf(text, sizeof(text), "rig: test %s\n", name);
	if (fd < 0)
		return;
	if (write(fd, text, strlen(text)) < 0)
		printf("# cannot mark the kernel's log: %m\n");
	close(fd);
}

/* ---- what a test says */

static void hand_on(struct output *output)
{
	printf("# %.*s\n", (int)output->used, output->line);
	output->used = 0;
}

/* Take what is there to be read; false at its end. */
static bool drain(struct output *output)
{
	char chunk[4096];
	ssize_t got;

	while ((got = read(output->fd, chunk, sizeof(chunk))) > 0)
		for (ssize_t i = 0; i < got; i++) {
			if (chunk[i] != '\n')
				output->line[output->used++] = chunk[i];
			if (chunk[i] == '\n' || output->used == sizeof(output->line))
				hand_on(output);
		}
	fflush(stdout);
	return got < 0 && errno == EAGAIN;
}

static void finish_output(struct output *output)
{
	drain(output);
	if (output->used)
		hand_on(output);
	close(output->fd);
}

/* ---- one test */

static _Noreturn void become(struct test *test, int out, pid_t parent)
{
	sigset_t none;

	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(CANNOT_RUN);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	dup2(out, STDOUT_FILENO);
	dup2(out, STDERR_FILENO);
	execv(test->path, test->argv);
	dprintf(STDERR_FILENO, "cannot run %s: %m\n", test->path);
	_exit(CANNOT_RUN);
}

static pid_t start(struct test *test, struct output *output)
{
	pid_t parent = getpid(), child;
	int ends[2];

	if (pipe2(ends, O_CLOEXEC))
		return -1;
	fflush(stdout);
	child = fork();
	if (!child)
		become(test, ends[1], parent);
	setpgid(child, child);
	close(ends[1]);
	*output = (struct output){.fd = ends[0]};
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	return child;
}

/* Reap what has ended; what a test started and left comes to us too. True once `child` is among it. */
static bool reaped(pid_t child, int *status)
{
	bool found = false;
	pid_t pid;
	int one;

	while ((pid = waitpid(-1, &one, WNOHANG)) > 0)
		if (pid == child) {
			*status = one;
			found = true;
		}
	return found;
}

/* Wait until `child` has ended or the time is up, handing on what it says and reporting progress each second. */
static bool wait_for(pid_t child, int signals, struct output *output, double until, int *status)
{
	struct pollfd events[] = {{.fd = signals, .events = POLLIN}, {.fd = output->fd, .events = POLLIN}};
	struct signalfd_siginfo info;
	double reported = now();

	while (!reaped(child, status)) {
		if (now() >= until)
			return false;
		poll(events, 2, 1000);
		if (events[0].revents && read(signals, &info, sizeof(info)) < 0)
			printf("# cannot read a signal: %m\n");
		if (events[1].revents && !drain(output))
			events[1].fd = -1;
		if (now() - reported >= 1) {
			report_progress();
			reported = now();
		}
	}
	return true;
}

static struct ended run(struct test *test, int signals)
{
	struct ended ended = {.gone = true, .status = CANNOT_RUN << 8};
	double began = now();
	struct output output;
	pid_t child;

	mark(test->name);
	child = start(test, &output);
	if (child < 0) {
		printf("# cannot start it: %m\n");
		return ended;
	}
	if (!wait_for(child, signals, &output, began + test->limit, &ended.status)) {
		ended.timed_out = true;
		kill(-child, SIGKILL);
		ended.gone = wait_for(child, signals, &output, now() + BURIAL, &ended.status);
	}
	kill(-child, SIGKILL); /* what it left behind is none of the next test's business */
	finish_output(&output);
	ended.seconds = now() - began;
	return ended;
}

/* ---- how it went */

static void print_failure(const struct test *test, const struct ended *ended, unsigned int number)
{
	failed++;
	if (ended->timed_out) {
		printf("not ok %u %s # TIMEOUT no end after %g s%s\n", number, test->name, test->limit,
		       ended->gone ? "" : ", and it can't be killed");
		return;
	}
	if (WIFSIGNALED(ended->status))
		printf("# killed by signal %d (%s)\n", WTERMSIG(ended->status), strsignal(WTERMSIG(ended->status)));
	else
		printf("# exit status %d\n", WEXITSTATUS(ended->status));
	printf("not ok %u %s\n", number, test->name);
}

static void print_result(const struct test *test, const struct ended *ended, unsigned int number)
{
	int status = !ended->timed_out && WIFEXITED(ended->status) ? WEXITSTATUS(ended->status) : FAILED;

	printf("# seconds: %.2f\n", ended->seconds);
	finished++;
	if (status == SKIPPED) {
		skipped++;
		printf("ok %u %s # SKIP\n", number, test->name);
	} else if (status == PASSED) {
		entered += test->guest;
		printf("ok %u %s\n", number, test->name);
	} else {
		print_failure(test, ended, number);
	}
	report_progress();
}

static void print_unrun(const struct test *test, unsigned int number, const char *why)
{
	skipped++;
	printf("ok %u %s # SKIP %s\n", number, test->name, why);
}

/* ---- arguments */

static bool read_test(struct test *test, const char *directory, char *text)
{
	char *limit = strtok(text, " "), *kind = strtok(NULL, " "), *name = strtok(NULL, " "), *word;
	size_t words = 0;

	*test = (struct test){.name = name, .guest = kind && !strcmp(kind, "guest")};
	while (words < MOST_WORDS - 1 && (word = strtok(NULL, " ")))
		test->argv[words++] = word;
	if (!words)
		return false;
	test->limit = strtod(limit, NULL);
	snprintf(test->path, sizeof(test->path), "%s/%s", directory, test->argv[0]);
	test->argv[0] = test->path; /* they read their own ELF file to load the nested guest */
	return test->limit > 0;
}

static int open_signals(void)
{
	sigset_t children;

	sigemptyset(&children);
	sigaddset(&children, SIGCHLD);
	sigprocmask(SIG_BLOCK, &children, NULL);
	return signalfd(-1, &children, SFD_CLOEXEC | SFD_NONBLOCK);
}

static int sum_up(unsigned int count)
{
	report_progress();
	if (failed)
		fprintf(stderr, "ktap-run: %u of %u tests failed\n", failed, count);
	else if (skipped == count)
		printf("@skip all %u tests were skipped\n", count);
	return failed ? FAILED : skipped == count ? SKIPPED : PASSED;
}

static void run_all(char **tests, unsigned int count, const char *directory, double until)
{
	int signals = open_signals();
	const char *stop = NULL;
	struct ended ended;
	struct test test;

	for (unsigned int i = 0; i < count; i++) {
		if (!read_test(&test, directory, tests[i])) {
			fprintf(stderr, "ktap-run: not a test: \"%s\"\n", tests[i]);
			exit(USAGE);
		}
		stop = !stop && now() > until ? "no time left" : stop;
		if (stop) {
			print_unrun(&test, i + 1, stop);
			continue;
		}
		ended = run(&test, signals);
		print_result(&test, &ended, i + 1);
		stop = ended.gone ? NULL : "a test before it could not be killed";
	}
}

int main(int argc, char **argv)
{
	if (argc < 4) {
		fprintf(stderr, "usage: ktap-run SECONDS DIRECTORY TEST...\n");
		return USAGE;
	}
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	printf("KTAP version 1\n1..%d\n", argc - 3);
	report_progress();
	run_all(argv + 3, (unsigned int)argc - 3, argv[2], now() + strtod(argv[1], NULL));
	return sum_up((unsigned int)argc - 3);
}
