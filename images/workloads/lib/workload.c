#define _GNU_SOURCE
#include "workload.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "layout.h"

struct done *done;
static struct timespec started;
static const char *program;

double elapsed(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - started.tv_sec) + (double)(now.tv_nsec - started.tv_nsec) / 1e9;
}

void fail(const char *format, ...)
{
	char text[512];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	dprintf(STDERR_FILENO, "%s: %s\n", program, text);
	_exit(FAILED);
}

void skip(const char *format, ...)
{
	char text[512];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	dprintf(STDOUT_FILENO, "@skip %s\n", text);
	_exit(SKIPPED);
}

/* ---- options */

static _Noreturn void help(const char *what, unsigned int vcpus)
{
	printf("usage: %s [--seconds N] [--vcpus N] [--seed N]\n\n%s\n\n"
	       "  --seconds N  how long to go on (default 10); some work is done however short that is\n"
	       "  --vcpus N    vCPUs of a nested guest, 1 to %d (default %u)\n"
	       "  --seed N     the same seed makes the same choices (default 1)\n\n"
	       "Exit status: 0 passed, 4 skipped, anything else failed.\n",
	       program, what, MAX_VCPUS, vcpus);
	exit(PASSED);
}

static uint64_t number(const char *option, const char *text, uint64_t least, uint64_t most)
{
	char *rest;
	uint64_t value;

	errno = 0;
	value = strtoull(text, &rest, 0);
	if (errno || *rest || rest == text || *text == '-' || value < least || value > most) {
		fprintf(stderr, "%s: --%s takes a number from %" PRIu64 " to %" PRIu64 ", not \"%s\"\n", program, option,
			least, most, text);
		exit(USAGE);
	}
	return value;
}

static struct options read_options(int argc, char **argv, const char *what, unsigned int vcpus)
{
	static const struct option known[] = {
		{"seconds", required_argument, NULL, 't'}, {"vcpus", required_argument, NULL, 'c'},
		{"seed", required_argument, NULL, 's'},	   {"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	struct options options = {.seconds = 10, .vcpus = vcpus, .seed = 1};
	int option;

	while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
		if (option == 't')
			options.seconds = (unsigned int)number("seconds", optarg, 0, INT_MAX);
		else if (option == 'c')
			options.vcpus = (unsigned int)number("vcpus", optarg, 1, MAX_VCPUS);
		else if (option == 's')
			options.seed = number("seed", optarg, 0, UINT64_MAX);
		else if (option == 'h')
			help(what, vcpus);
		else
			exit(USAGE);
	}
	if (optind < argc) {
		fprintf(stderr, "%s: unexpected argument \"%s\"\n", program, argv[optind]);
		exit(USAGE);
	}
	return options;
}

/* ---- what is said on stdout; each line in one write, so that threads and children don't mix theirs */

static void report_progress(void)
{
	dprintf(STDOUT_FILENO, "@progress {\"iterations\":%" PRIu64 ",\"l2_entries\":%" PRIu64 "}\n",
		atomic_load(&done->iterations), atomic_load(&done->l2_entries));
}

static void *report_each_second(void *unused)
{
	for (;;) {
		sleep(1);
		report_progress();
	}
	return unused;
}

static void metric(const char *name, const char *value, const char *unit, const char *kind)
{
	dprintf(STDOUT_FILENO, "{\"metric\":\"%s\",\"value\":%s,\"unit\":\"%s\",\"kind\":\"%s\"}\n", name, value, unit, kind);
}

static void metric_whole(const char *name, uint64_t value, const char *unit, const char *kind)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, value);
	metric(name, text, unit, kind);
}

void metric_count(const char *name, uint64_t value, const char *unit)
{
	metric_whole(name, value, unit, "count");
}

void metric_exact(const char *name, uint64_t value, const char *unit)
{
	metric_whole(name, value, unit, "exact");
}

void metric_rate(const char *name, double value, const char *unit)
{
	char text[32];

	snprintf(text, sizeof(text), "%.3f", value);
	metric(name, text, unit, "rate");
}

struct options begin(int argc, char **argv, const char *what, unsigned int vcpus)
{
	struct options options;
	pthread_t reporter;

	program = program_invocation_short_name;
	options = read_options(argc, argv, what, vcpus);
	done = mmap(NULL, sizeof(*done), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (done == MAP_FAILED)
		fail("cannot map the counters: %m");
	clock_gettime(CLOCK_MONOTONIC, &started);
	report_progress();
	errno = pthread_create(&reporter, NULL, report_each_second, NULL);
	if (errno)
		fail("cannot start a thread: %m");
	return options;
}

int end(void)
{
	metric_rate("iterations_per_second", (double)atomic_load(&done->iterations) / elapsed(), "1/s");
	report_progress();
	if (!atomic_load(&done->l2_entries))
		fail("expected nested guests to count their work in guest memory, got a count of 0");
	return PASSED;
}
