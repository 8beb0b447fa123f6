/* What KVM and the kernel hold, before and after a workload. */
#ifndef GAUGES_H
#define GAUGES_H

#include <stdbool.h>

#define MOST_GAUGES 96

struct gauge {
	char name[48];
	long value;
	bool exact; /* it is to come back to what it was; others only make suspicious */
};

struct gauges {
	unsigned int count;
	struct gauge all[MOST_GAUGES];
};

void gauges_read(struct gauges *gauges);

/* Read them once the exact ones are back to `before`, after a few seconds at the latest. */
void gauges_settle(const struct gauges *before, struct gauges *after);
void gauges_print_left(const struct gauges *before, const struct gauges *after);

/* Whether more is held than a clean kernel holds, so that a search for leaks is worth its time. */
bool gauges_suspicious(const struct gauges *before, const struct gauges *after);

#endif
