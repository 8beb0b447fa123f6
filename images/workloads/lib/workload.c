#define _GNU_SOURCE
#include "workload.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "layout.h"
#include "stats.h"

#define USUAL_SECONDS 10

struct done *done;
static struct timespec started;
static unsigned int seconds_asked;
static const char *name;
static const struct program *program;

double elapsed(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - started.tv_sec) + (double)(now.tv_nsec - started.tv_nsec) / 1e9;
}

double last_second(void)
{
	return seconds_asked < USUAL_SECONDS ? seconds_asked * 1.5 + 1 : INFINITY;
}

void fail(const char *format, ...)
{
	char text[512];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	dprintf(STDERR_FILENO, "%s: %s\n", name, text);
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

static _Noreturn void help(void)
{
	printf("usage: %s [--seconds N] [--vcpus N] [--threads N] [--seed N]\n\n%s\n\n"
	       "  --seconds N  how long to go on (default %d); the work that each run is to do is\n"
	       "               finished beyond that, but for less than %d it may take half more only\n"
	       "  --vcpus N    vCPUs of a nested guest, 1 to %d (default %u)\n"
	       "  --threads N  threads or processes that work at once, 1 to %d (default %u)\n"
	       "  --seed N     the same seed makes the same choices (default 1)\n\n"
	       "Exit status: 0 passed, 4 skipped, anything else failed.\n",
	       name, program->what, USUAL_SECONDS, USUAL_SECONDS, MAX_VCPUS, program->vcpus, MOST_THREADS, program->threads);
	exit(PASSED);
}

static uint64_t number(const char *option, const char *text, uint64_t least, uint64_t most)
{
	char *rest;
	uint64_t value;

	errno = 0;
	value = strtoull(text, &rest, 0);
	if (errno || *rest || rest == text || *text == '-' || value < least || value > most) {
		fprintf(stderr, "%s: --%s takes a number from %" PRIu64 " to %" PRIu64 ", not \"%s\"\n", name, option, least,
			most, text);
		exit(USAGE);
	}
	return value;
}

static void read_option(struct options *options, int option)
{
	switch (option) {
	case 't':
		options->seconds = (unsigned int)number("seconds", optarg, 0, INT_MAX);
		break;
	case 'c':
		options->vcpus = (unsigned int)number("vcpus", optarg, 1, MAX_VCPUS);
		break;
	case 'n':
		options->threads = (unsigned int)number("threads", optarg, 1, MOST_THREADS);
		break;
	case 's':
		options->seed = number("seed", optarg, 0, UINT64_MAX);
		break;
	case 'h':
		help();
	default:
		exit(USAGE);
	}
}

static struct options read_options(int argc, char **argv)
{
	static const struct option known[] = {
		{"seconds", required_argument, NULL, 't'}, {"vcpus", required_argument, NULL, 'c'},
		{"threads", required_argument, NULL, 'n'}, {"seed", required_argument, NULL, 's'},
		{"help", no_argument, NULL, 'h'},	   {NULL, 0, NULL, 0},
	};
	struct options options = {.seconds = USUAL_SECONDS, .vcpus = program->vcpus, .threads = program->threads, .seed = 1};
	int option;

	while ((option = getopt_long(argc, argv, "", known, NULL)) != -1)
		read_option(&options, option);
	if (optind < argc) {
		fprintf(stderr, "%s: unexpected argument \"%s\"\n", name, argv[optind]);
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

static void metric(const char *called, const char *value, const char *unit, const char *kind)
{
	dprintf(STDOUT_FILENO, "{\"metric\":\"%s\",\"value\":%s,\"unit\":\"%s\",\"kind\":\"%s\"}\n", called, value, unit, kind);
}

void metric_count(const char *called, uint64_t value, const char *unit)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, value);
	metric(called, text, unit, "count");
}

void metric_exact(const char *called, uint64_t value, const char *unit, uint32_t operations)
{
	dprintf(STDOUT_FILENO,
		"{\"metric\":\"%s\",\"value\":%" PRIu64 ",\"unit\":\"%s\",\"kind\":\"exact\",\"operations\":%" PRIu32 "}\n", called,
		value, unit, operations);
}

static void metric_real(const char *called, double value, const char *unit, const char *kind)
{
	char text[32];

	snprintf(text, sizeof(text), "%.3f", value);
	metric(called, text, unit, kind);
}

void metric_rate(const char *called, double value, const char *unit)
{
	metric_real(called, value, unit, "rate");
}

void metric_ratio(const char *called, uint64_t value, uint64_t operations, const char *unit)
{
	if (operations)
		metric_real(called, (double)value / (double)operations, unit, "ratio");
}

struct options begin(int argc, char **argv, const struct program *what)
{
	struct options options;
	pthread_t reporter;

	name = program_invocation_short_name;
	program = what;
	options = read_options(argc, argv);
	seconds_asked = options.seconds;
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

void did(unsigned int kind)
{
	done->kinds[kind]++;
	done->iterations++;
}

static void report_kinds(void)
{
	for (unsigned int i = 0; i < program->kinds_count; i++)
		metric_count(program->kinds[i], done->kinds[i], "times");
}

static void report_statistics(void)
{
	for (unsigned int i = 0; stats_kept[i]; i++) {
		char per_iteration[64];

		if (!done->kept[i])
			continue;
		snprintf(per_iteration, sizeof(per_iteration), "kvm_%s_per_iteration", stats_kept[i]);
		metric_ratio(per_iteration, done->kept[i], done->iterations, stats_kept[i]);
	}
}

int end(void)
{
	report_kinds();
	report_statistics();
	metric_rate("iterations_per_second", (double)atomic_load(&done->iterations) / elapsed(), "1/s");
	report_progress();
	if (!atomic_load(&done->l2_entries))
		fail("expected nested guests to count their work in guest memory, got a count of 0");
	return PASSED;
}
