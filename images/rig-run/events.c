#define _GNU_SOURCE
#include "events.h"

#include <inttypes.h>
#include <linux/perf_event.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "files.h"

#define EVENTS AT "/sys/kernel/tracing/events"
#define MOST_CPUS 16

/* Not KVM's entries and exits: they are many, and KVM counts them itself. */
static const struct {
	const char *group, *name;
} chosen[] = {
	{"kvm", "kvm_page_fault"},
	{"kvmmmu", "kvm_mmu_get_page"},
	{"kvmmmu", "kvm_mmu_prepare_zap_page"},
	{"kvmmmu", "kvm_mmu_zap_all_fast"},
	{"kvmmmu", "kvm_tdp_mmu_spte_changed"},
};

#define CHOSEN (sizeof(chosen) / sizeof(chosen[0]))

static int counters[CHOSEN][MOST_CPUS]; /* file descriptors; -1 where there is none */

static int count(long id, int cpu)
{
	struct perf_event_attr attr = {.type = PERF_TYPE_TRACEPOINT, .size = sizeof(attr), .config = (uint64_t)id};

	return id < 0 ? -1 : (int)syscall(SYS_perf_event_open, &attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);
}

void events_start(void)
{
	char path[128];

	for (unsigned int i = 0; i < CHOSEN; i++) {
		snprintf(path, sizeof(path), EVENTS "/%s/%s/id", chosen[i].group, chosen[i].name);
		for (int cpu = 0; cpu < MOST_CPUS; cpu++)
			counters[i][cpu] = count(number_in(path, ""), cpu);
	}
}

void events_print(void)
{
	for (unsigned int i = 0; i < CHOSEN; i++) {
		uint64_t total = 0, one;

		if (counters[i][0] < 0)
			continue;
		for (int cpu = 0; cpu < MOST_CPUS; cpu++)
			if (counters[i][cpu] >= 0 && read(counters[i][cpu], &one, sizeof(one)) == sizeof(one))
				total += one;
		printf("{\"metric\":\"trace_%s\",\"value\":%" PRIu64 ",\"unit\":\"events\",\"kind\":\"count\"}\n",
		       chosen[i].name, total);
	}
}
