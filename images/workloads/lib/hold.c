#define _GNU_SOURCE
#include "hold.h"

#include "vm.h"
#include "workload.h"

void hold_fd(struct holds *holds, int fd)
{
	if (fd < 0)
		fail("cannot open a file descriptor to hold: %m");
	holds->holds[holds->count++] = (struct hold){.fd = fd};
}

void hold_memory(struct holds *holds, void *memory, size_t size)
{
	holds->holds[holds->count++] = (struct hold){.memory = memory, .size = size};
}

void hold_let_go(struct holds *holds, struct choices *choices)
{
	for (; holds->count; holds->count--) {
		struct hold *hold = &holds->holds[choose_below(choices, holds->count)];

		if (hold->memory)
			unmap(hold->memory, hold->size);
		else
			shut(hold->fd);
		*hold = holds->holds[holds->count - 1];
	}
}
