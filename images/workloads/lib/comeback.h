/* vCPUs that come back to roots of the MMU that nobody used while slots, or the memory behind them, changed. */
#ifndef COMEBACK_H
#define COMEBACK_H

#include "cpuid.h"
#include "paging.h"

/* What guests can do. */
struct comeback_host {
	int kvm;
	const struct cpuid *cpuid;
	uint32_t changes; /* bits by enum roots_change */
	enum paging last_paging;
};

/* Each way to leave a root and to come back, with each change in between; but begin none after `end` seconds. */
void comebacks(const struct comeback_host *host, unsigned int kind, double end);

#endif
