#define _GNU_SOURCE
#include "watch.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "workload.h"

/* In shared memory; children have the texts at the same addresses. */
struct watched {
	const char *_Atomic what;
	_Atomic double since;
};

static struct watched *all;
static unsigned int room;
static uint64_t iterations; /* as many were done */
static double progressed; /* when that was last seen to be more */

/* ---- where everybody is, for who has to find out why */

static void print_stack(const char *process, const char *thread)
{
	char path[600], text[2000];
	ssize_t size;
	int fd;

	snprintf(path, sizeof(path), "/proc/%s/task/%s/stack", process, thread);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) /* it has gone, or the kernel doesn't tell */
		return;
	size = read(fd, text, sizeof(text));
	close(fd);
	if (size > 0)
		dprintf(STDERR_FILENO, "thread %s of process %s is in\n%.*s", thread, process, (int)size, text);
}

/* Call `act` for each entry that is a number. */
static void for_each_number(const char *path, void (*act)(const char *process, const char *number), const char *process)
{
	DIR *directory = opendir(path);
	struct dirent *entry;

	while (directory && (entry = readdir(directory)))
		if (isdigit(entry->d_name[0]))
			act(process, entry->d_name);
	if (directory)
		closedir(directory);
}

static void print_process(const char *unused, const char *process)
{
	char path[300];

	(void)unused;
	if (getpgid(atoi(process)) != getpgid(0))
		return;
	snprintf(path, sizeof(path), "/proc/%s/task", process);
	for_each_number(path, print_stack, process);
}

static void look_at(const struct watched *watched)
{
	const char *what = watched->what;
	double since = watched->since > progressed ? watched->since : progressed;
	double seconds = elapsed() - since;

	if (!what || seconds < WATCH_SECONDS)
		return;
	for_each_number("/proc", print_process, NULL);
	fail("expected \"%s\" to be over within %d s, but it is not, and nothing else is", what, WATCH_SECONDS);
}

/* On a loaded host all may be slow. As long as anything ends, nothing is said to hang. */
static void look_for_progress(void)
{
	if (done->iterations == iterations)
		return;
	iterations = done->iterations;
	progressed = elapsed();
}

static void *look(void *unused)
{
	for (;;) {
		sleep(1);
		look_for_progress();
		for (unsigned int i = 0; i < room; i++)
			look_at(&all[i]);
	}
	return unused;
}

void watch_start(unsigned int count)
{
	pthread_t looker;

	room = count;
	all = mmap(NULL, count * sizeof(*all), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (all == MAP_FAILED)
		fail("cannot map memory: %m");
	errno = pthread_create(&looker, NULL, look, NULL);
	if (errno)
		fail("cannot start a thread: %m");
}

void watch(unsigned int index, const char *what)
{
	all[index].what = NULL;
	all[index].since = elapsed();
	all[index].what = what;
}
