/* What every workload has in common: its options, how it says what it did, and how it ends. */
#ifndef WORKLOAD_H
#define WORKLOAD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { PASSED = 0, FAILED = 1, USAGE = 2, SKIPPED = 4 };

#define MOST_THREADS 64
#define MOST_KINDS 64
#define MOST_KEPT 16 /* statistics of KVM */

/* What a workload is, and what it counts. */
struct program {
	const char *what;
	unsigned int vcpus, threads; /* defaults of the options */
	const char *const *kinds; /* of operations; each is the name of a metric */
	unsigned int kinds_count;
};

struct options {
	unsigned int seconds; /* see last_second() */
	unsigned int vcpus;
	unsigned int threads;
	uint64_t seed;
};

/* Work done so far. It is shared memory, so that children count too. */
struct done {
	_Atomic uint64_t iterations;
	_Atomic uint64_t l2_entries; /* as counted by guest code in guest memory */
	_Atomic uint64_t kinds[MOST_KINDS];
	_Atomic uint64_t kept[MOST_KEPT]; /* see stats_keep() */
};

extern struct done *done;

/* Read the options, start to report progress each second, and start the clock. */
struct options begin(int argc, char **argv, const struct program *program);

/* Count an operation: an index of program.kinds. It is an iteration too. */
void did(unsigned int kind);

/* Seconds since begin(). */
double elapsed(void);

/*
 * When work that is always finished, on whatever host, has to stop all the same: who asks for less time than is usual gets
 * half of it more and a second. INFINITY for all others.
 */
double last_second(void);

/* Report what was counted and the last progress, and return the exit status; no L2 work at all is a failure. */
int end(void);

void metric_count(const char *called, uint64_t value, const char *unit);
void metric_rate(const char *called, double value, const char *unit);
/* For what an operation takes on average. */
void metric_ratio(const char *called, uint64_t value, uint64_t operations, const char *unit);
/* For numbers that the same kernel gives in every run; of so many operations, 0 if it is no sum over any. */
void metric_exact(const char *called, uint64_t value, const char *unit, uint32_t operations);

/* End the program. `errno` is not printed unless the format asks for it with %m. */
__attribute__((noreturn, format(printf, 1, 2))) void fail(const char *format, ...);
__attribute__((noreturn, format(printf, 1, 2))) void skip(const char *format, ...);

#endif
