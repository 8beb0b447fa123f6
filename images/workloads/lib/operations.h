/* What KVM can be asked to do and undo, over and over: each operation as its steps, on a scene. */
#ifndef OPERATIONS_H
#define OPERATIONS_H

#include <stdbool.h>

#include "scene.h"

struct operation {
	const char *name;
	void (*prepare)(struct scene *scene);
	int (*act)(struct scene *scene); /* returns 0 or errno */
	void (*undo)(struct scene *scene); /* after it has succeeded */
	int refused; /* the errno if it must never succeed */
	bool intact; /* the guests must be able to work if it has failed */
	bool once; /* it can't be undone: success, but nothing else, uses up scene.bare, which it was done to */
	bool varies; /* how many allocations it needs depends on what has been before */
	unsigned int step; /* it has very many allocations, nearly all alike: look at every so manieth; 0 for all */
};

extern const struct operation operations[];
extern const unsigned int operations_count;
#define MOST_OPERATIONS 64

/* After the last of its attempts: `once` has to succeed in the end on the very VM that it has failed on. */
void operation_leave(const struct operation *operation, struct scene *scene);

/* Fail unless the errno is 0. */
void expect_done(int error, const char *what);

#endif
