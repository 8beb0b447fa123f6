/*
 * rig-run NAME -- PROGRAM [ARGUMENT…]
 *
 * Run one workload between two marks in the kernel's log, and ask afterwards which detectors are still alive.
 * The workload is a process group of its own and does not outlive rig-run, nor the connection rig-run writes to.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define CANNOT_RUN 127
#ifndef KMSG /* tests have their own */
#define KMSG "/dev/kmsg"
#endif

__attribute__((format(printf, 1, 2))) static void mark(const char *format, ...)
{
	char text[256];
	va_list arguments;
	int fd = open(KMSG, O_WRONLY | O_APPEND | O_CLOEXEC);

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		fprintf(stderr, "rig-run: cannot mark the kernel's log: %m\n");
	if (fd >= 0)
		close(fd);
}

/* ---- the workload */

static int block_signals(sigset_t *before)
{
	sigset_t ours;

	sigemptyset(&ours);
	sigaddset(&ours, SIGCHLD);
	sigaddset(&ours, SIGHUP);
	sigaddset(&ours, SIGINT);
	sigaddset(&ours, SIGTERM);
	sigprocmask(SIG_BLOCK, &ours, before);
	signal(SIGPIPE, SIG_IGN);
	return signalfd(-1, &ours, SFD_CLOEXEC);
}

static pid_t start(char **argv, const sigset_t *mask)
{
	pid_t parent = getpid();
	pid_t child = fork();

	if (child) {
		setpgid(child, child);
		return child;
	}
	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(CANNOT_RUN);
	signal(SIGPIPE, SIG_DFL);
	sigprocmask(SIG_SETMASK, mask, NULL);
	execvp(argv[0], argv);
	fprintf(stderr, "rig-run: cannot run %s: %m\n", argv[0]);
	_exit(CANNOT_RUN);
}

/* Reap what has ended; orphans of the workload come to us too. True once `child` is among them. */
static int reaped(pid_t child, int *status)
{
	int found = 0, one;
	pid_t pid;

	while ((pid = waitpid(-1, &one, WNOHANG)) > 0)
		if (pid == child) {
			*status = one;
			found = 1;
		}
	return found;
}

/* Wait for `child`. A signal to us, or a reader of our output that went away, ends its whole group. */
static int wait_for(pid_t child, int signals)
{
	struct pollfd events[] = {{.fd = signals, .events = POLLIN}, {.fd = STDOUT_FILENO, .events = 0}};
	struct signalfd_siginfo info;
	int status = 0;

	while (!reaped(child, &status)) {
		if (poll(events, 2, -1) < 0)
			continue;
		if (events[0].revents && read(signals, &info, sizeof(info)) == sizeof(info) &&
		    info.ssi_signo != SIGCHLD)
			kill(-child, SIGKILL);
		if (events[1].revents) {
			events[1].fd = -1;
			kill(-child, SIGKILL);
		}
	}
	return status;
}

/* Children the workload left behind are none of the next workload's business. */
static void sweep(pid_t group)
{
	if (kill(-group, SIGKILL))
		return;
	while (waitpid(-group, NULL, 0) > 0)
		;
}

/* ---- the detectors */

/* The number after `label` in the file at `path`, or -1. An empty label is for a file that holds one number. */
static long number_in(const char *path, const char *label)
{
	char line[256];
	long number = -1;
	FILE *file = fopen(path, "re");

	while (file && fgets(line, sizeof(line), file)) {
		char *text = line + strspn(line, " \t");

		if (strncmp(text, label, strlen(label)) == 0) {
			number = strtol(text + strlen(label), NULL, 10);
			break;
		}
	}
	if (file)
		fclose(file);
	return number;
}

static void print_detectors(void)
{
	const struct {
		const char *key, *path, *label;
	} asked[] = {
		{"debug_locks", "/proc/lockdep_stats", "debug_locks:"},
		{"tainted", "/proc/sys/kernel/tainted", ""},
	};
	const char *comma = "";

	printf("\n@detectors {"); /* on a line of its own, even if the program did not end its last one */
	for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
		long number = number_in(asked[i].path, asked[i].label);

		if (number < 0)
			continue;
		printf("%s\"%s\":%ld", comma, asked[i].key, number);
		comma = ",";
	}
	printf("}\n");
	fflush(stdout);
}

int main(int argc, char **argv)
{
	sigset_t before;
	int signals, status;
	pid_t child;

	if (argc < 4 || strcmp(argv[2], "--")) {
		fprintf(stderr, "usage: rig-run NAME -- PROGRAM [ARGUMENT...]\n");
		return 2;
	}
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	signals = block_signals(&before);
	mark("rig: begin %s\n", argv[1]);
	child = start(argv + 3, &before);
	if (child < 0) {
		fprintf(stderr, "rig-run: cannot fork: %m\n");
		return CANNOT_RUN;
	}
	status = wait_for(child, signals);
	sweep(child);
	status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	mark("rig: end %s status=%d\n", argv[1], status);
	print_detectors();
	return status;
}
