/*
 * rig-run [--scan=always|suspected|never] NAME -- PROGRAM [ARGUMENT…]
 *
 * Run one workload between two marks in the kernel's log. Afterwards say how often the kernel came by chosen trace
 * events, what it still holds that it should have given back, and which detectors are alive; and have kmemleak search.
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

#include "detectors.h"
#include "events.h"
#include "files.h"
#include "gauges.h"
#include "looking.h"

#define CANNOT_RUN 127
#define KMSG AT "/dev/kmsg"

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

/* ---- afterwards */

enum scan { SCAN_NEVER, SCAN_SUSPECTED, SCAN_ALWAYS };

/* What is still held once all is given back that will be; a search for what is lost, if asked for or called for. */
static void look_after(const struct gauges *before, long taint_before, enum scan scan)
{
	struct gauges after;

	printf("\n"); /* what follows has lines of its own, even if the program did not end its last one */
	events_print();
	looking("for what is held");
	gauges_settle(before, &after);
	gauges_print_left(before, &after);
	if (scan == SCAN_ALWAYS || (scan == SCAN_SUSPECTED && gauges_suspicious(before, &after)))
		search_for_leaks();
	detectors_print(taint_before);
	fflush(stdout);
}

static int usage(void)
{
	fprintf(stderr, "usage: rig-run [--scan=always|suspected|never] NAME -- PROGRAM [ARGUMENT...]\n");
	return 2;
}

/* Take the option if there is one; false if it is none of ours. */
static bool read_scan(int *argc, char ***argv, enum scan *scan)
{
	static const char *const words[] = {"--scan=never", "--scan=suspected", "--scan=always"};
	const char *given = *argc > 1 ? (*argv)[1] : "";

	*scan = SCAN_SUSPECTED;
	if (strncmp(given, "--", 2))
		return true;
	for (enum scan each = SCAN_NEVER; each <= SCAN_ALWAYS; each++)
		if (strcmp(given, words[each]) == 0) {
			*scan = each;
			++*argv;
			--*argc;
			return true;
		}
	return false;
}

int main(int argc, char **argv)
{
	static struct gauges gauges;
	long taint_before = taint();
	enum scan scan;
	sigset_t before;
	int signals, status;
	pid_t child;

	if (!read_scan(&argc, &argv, &scan) || argc < 4 || strcmp(argv[2], "--"))
		return usage();
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	gauges_read(&gauges);
	events_start();
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
	look_after(&gauges, taint_before, scan);
	return status;
}
