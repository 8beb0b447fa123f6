#define _GNU_SOURCE
#include "faults.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "workload.h"

#define DEBUGFS "/sys/kernel/debug"
#define CACHES "/sys/kernel/slab"

/* ---- what can fail */

static bool has(const char *path)
{
	return access(path, F_OK) == 0;
}

static void set(const char *file, const char *value)
{
	int fd = open(file, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		skip("cannot set up fault injection: %s: %s", file, strerror(errno));
	close(fd);
}

static void need_fault_injection(void)
{
	if (!has("/proc/thread-self/fail-nth"))
		skip("the kernel has no fault injection (CONFIG_FAULT_INJECTION)");
	if (!has(DEBUGFS "/failslab") || !has(DEBUGFS "/fail_page_alloc"))
		skip("the kernel's fault injection lacks CONFIG_FAILSLAB, _FAIL_PAGE_ALLOC or _FAULT_INJECTION_DEBUG_FS");
}

/* Whether a slab cache is marked as one whose allocations can fail. */
static bool marked(const char *cache)
{
	char path[128], mark = '0';
	int fd;

	snprintf(path, sizeof(path), CACHES "/%s/failslab", cache);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		if (read(fd, &mark, 1) != 1)
			mark = '0';
		close(fd);
	}
	return mark == '1';
}

bool faults_are_only_ours(void)
{
	return marked("kmalloc-64") && !marked("kmemleak_object") && !marked("debug_objects_cache");
}

/*
 * "ignore-gfp-wait" spares all that may sleep, which is nearly everything. Where caches are marked, sparing the others is
 * "cache-filter"; where none are, it spares all. Pages have a least order, and there are none of order 20.
 */
void faults_choose(enum faults faults)
{
	bool slab = faults & FAULT_SLAB, page = faults & FAULT_PAGE;

	need_fault_injection();
	set(DEBUGFS "/failslab/verbose", "0");
	set(DEBUGFS "/failslab/cache-filter", !slab || faults_are_only_ours() ? "Y" : "N");
	set(DEBUGFS "/failslab/ignore-gfp-wait", slab ? "N" : "Y");
	set(DEBUGFS "/fail_page_alloc/verbose", "0");
	set(DEBUGFS "/fail_page_alloc/ignore-gfp-wait", "N");
	set(DEBUGFS "/fail_page_alloc/ignore-gfp-highmem", "N");
	set(DEBUGFS "/fail_page_alloc/min-order", page ? "0" : "20");
}

/* ---- when it does */

/* The file is the thread's that opened it, so a child of fork() must not use its parent's. */
static int fail_nth(void)
{
	static _Thread_local int fd = -1;
	static _Thread_local pid_t owner;

	if (owner == gettid())
		return fd;
	fd = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		fail("cannot open /proc/thread-self/fail-nth: %m");
	owner = gettid();
	return fd;
}

static void write_nth(unsigned int nth)
{
	char text[12];
	int length = snprintf(text, sizeof(text), "%u", nth);

	if (pwrite(fail_nth(), text, (size_t)length, 0) != length)
		fail("cannot write %s to /proc/thread-self/fail-nth: %m", text);
}

void faults_arm(unsigned int nth)
{
	write_nth(nth);
}

/* The file tells how many allocations are still to come before the one that fails. */
bool faults_disarm(void)
{
	char text[12] = "";

	if (pread(fail_nth(), text, sizeof(text) - 1, 0) <= 0)
		fail("cannot read /proc/thread-self/fail-nth: %m");
	write_nth(0);
	return strtoul(text, NULL, 10) == 0;
}
