/* Watch two things, one of which a child never ends. */
#include <stdarg.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "watch.h"
#include "workload.h"

static struct done counts;
struct done *done = &counts;

double elapsed(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

void fail(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vprintf(format, arguments);
	fflush(stdout);
	_exit(FAILED);
}

int main(void)
{
	watch_start(2);
	watch(0, "the one that ends");
	if (fork() == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		watch(0, NULL);
		watch(1, "the one that does not");
		pause();
	}
	pause();
}
