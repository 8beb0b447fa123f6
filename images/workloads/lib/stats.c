#define _GNU_SOURCE
#include "stats.h"

#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "vm.h"
#include "workload.h"

const char *const stats_kept[] = {
	"pf_taken", "pf_fixed", "pf_fast", "pf_spurious", "pf_mmio_spte_created", "exits", "remote_tlb_flush", "tlb_flush",
	"mmu_pde_zapped", "mmu_cache_miss", "mmu_recycled", "nested_run", NULL,
};

/* What describes the statistics of one file descriptor, read at once. */
struct described {
	struct kvm_stats_header header;
	uint8_t *descs;
};

int stats_open(int fd)
{
	int stats = ioctl(fd, KVM_GET_STATS_FD, NULL);

	if (stats < 0)
		fail("expected KVM_GET_STATS_FD to succeed, got: %m");
	return stats;
}

static void read_at(int fd, void *buffer, size_t size, size_t offset)
{
	if (pread(fd, buffer, size, (off_t)offset) != (ssize_t)size)
		fail("cannot read KVM statistics: %m");
}

static size_t step(const struct described *described)
{
	return sizeof(struct kvm_stats_desc) + described->header.name_size;
}

static struct described describe(int stats)
{
	struct described described;

	read_at(stats, &described.header, sizeof(described.header), 0);
	described.descs = malloc(described.header.num_desc * step(&described));
	if (!described.descs)
		fail("no memory for the descriptions of KVM statistics");
	read_at(stats, described.descs, described.header.num_desc * step(&described), described.header.desc_offset);
	return described;
}

/* The one called `name`, or NULL. */
static const struct kvm_stats_desc *find(const struct described *described, const char *name)
{
	for (uint32_t i = 0; i < described->header.num_desc; i++) {
		const struct kvm_stats_desc *desc = (void *)(described->descs + i * step(described));

		if (strcmp(desc->name, name) == 0)
			return desc;
	}
	return NULL;
}

static uint64_t value(int stats, const struct described *described, const struct kvm_stats_desc *desc)
{
	uint64_t value;

	read_at(stats, &value, sizeof(value), described->header.data_offset + desc->offset);
	return value;
}

uint64_t stats_read(int stats, const char *name)
{
	struct described described = describe(stats);
	const struct kvm_stats_desc *desc = find(&described, name);
	uint64_t result;

	if (!desc)
		fail("expected KVM to have a statistic %s, got none", name);
	result = value(stats, &described, desc);
	free(described.descs);
	return result;
}

void stats_keep(int fd)
{
	int stats = stats_open(fd);
	struct described described = describe(stats);

	for (unsigned int i = 0; stats_kept[i]; i++) {
		const struct kvm_stats_desc *desc = find(&described, stats_kept[i]);

		if (desc)
			done->kept[i] += value(stats, &described, desc);
	}
	free(described.descs);
	shut(stats);
}
