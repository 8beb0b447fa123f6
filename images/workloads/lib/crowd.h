/* Many processes with many VMs each, as memory allows, that go all at once. */
#ifndef CROWD_H
#define CROWD_H

#include <sys/types.h>

#include "lodger.h"

#define CROWD_PROCESSES 8

struct crowd {
	unsigned int count;
	pid_t children[CROWD_PROCESSES];
	int ready[CROWD_PROCESSES]; /* says something when that child has its VMs */
};

/* Wait until all have theirs. */
void crowd_gather(struct crowd *crowd, struct inn *inn);
void crowd_kill(const struct crowd *crowd);

#endif
