/* Say how long a workload may take for the time that is asked for. */
#include <stdio.h>

#include "stats.h"
#include "workload.h"

const char *const stats_kept[] = {NULL};

int main(int argc, char **argv)
{
	static const struct program program = {.vcpus = 1, .threads = 1};

	begin(argc, argv, &program);
	printf("%g\n", last_second());
	return 0;
}
