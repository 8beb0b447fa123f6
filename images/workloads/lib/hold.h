/* What keeps a VM, or what it needs, alive, to be let go of in an order of chance. */
#ifndef HOLD_H
#define HOLD_H

#include <stddef.h>

#include "layout.h"
#include "random.h"

#define MOST_HOLDS (6 + 2 * MAX_VCPUS + 16) /* of a VM with all its vCPUs, and devices */

/* Memory, or else a file descriptor. */
struct hold {
	int fd;
	void *memory;
	size_t size;
};

struct holds {
	struct hold holds[MOST_HOLDS];
	unsigned int count;
};

/* A file descriptor, as it was opened: a negative one ends the program, with errno. */
void hold_fd(struct holds *holds, int fd);
void hold_memory(struct holds *holds, void *memory, size_t size);

/* Let go of all of them. */
void hold_let_go(struct holds *holds, struct choices *choices);

#endif
