#define _GNU_SOURCE
#include "gauges.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "files.h"

#define SLABS AT "/sys/kernel/slab"
#define VMS AT "/sys/kernel/debug/kvm"
#define MEMINFO AT "/proc/meminfo"
#ifndef SETTLE_MS /* tests can't wait */
#define SETTLE_MS 10000 /* RCU and work queues give back late; an emulated guest takes its time */
#endif
#define STEP_MS 200
#define NOISE_OBJECTS 16 /* of a general cache, that come and go by themselves */
#define NOISE_KB 256

/* Caches that only KVM uses. */
static const char *const kvm_caches[] = {"kvm_vcpu", "kvm_mmu_page_header", "pte_list_desc", "kvm_async_pf", "x86_emulator"};

static void add(struct gauges *gauges, const char *name, long value, bool exact)
{
	struct gauge *gauge = &gauges->all[gauges->count];

	if (value < 0 || gauges->count == MOST_GAUGES)
		return;
	snprintf(gauge->name, sizeof(gauge->name), "%.47s", name);
	gauge->value = value;
	gauge->exact = exact;
	gauges->count++;
}

/* Objects in use, exactly: what processors and KASAN's quarantine keep of a cache is given back first. */
static long objects(const char *cache)
{
	char path[128];
	struct stat is;

	snprintf(path, sizeof(path), SLABS "/%s", cache);
	if (lstat(path, &is) || !S_ISDIR(is.st_mode)) /* a link is a cache that others share */
		return -1;
	snprintf(path, sizeof(path), SLABS "/%s/shrink", cache);
	tell(path, "1");
	snprintf(path, sizeof(path), SLABS "/%s/objects", cache);
	return number_in(path, "");
}

static void read_kvm_caches(struct gauges *gauges)
{
	for (size_t i = 0; i < sizeof(kvm_caches) / sizeof(kvm_caches[0]); i++)
		add(gauges, kvm_caches[i], objects(kvm_caches[i]), true);
}

static void read_general_caches(struct gauges *gauges)
{
	DIR *directory = opendir(SLABS);
	struct dirent *entry;

	while (directory && (entry = readdir(directory)))
		if (strncmp(entry->d_name, "kmalloc-", strlen("kmalloc-")) == 0)
			add(gauges, entry->d_name, objects(entry->d_name), false);
	if (directory)
		closedir(directory);
}

/* KVM has a directory for each VM. */
static long vms(void)
{
	DIR *directory = opendir(VMS);
	struct dirent *entry;
	long count = 0;

	if (!directory)
		return -1;
	while ((entry = readdir(directory)))
		count += entry->d_type == DT_DIR && entry->d_name[0] != '.';
	closedir(directory);
	return count;
}

static void read_exact(struct gauges *gauges)
{
	gauges->count = 0;
	add(gauges, "VMs", vms(), true);
	add(gauges, "KVM page tables (kB)", number_in(MEMINFO, "SecPageTables:"), true);
	read_kvm_caches(gauges);
}

static void read_general(struct gauges *gauges)
{
	add(gauges, "vmalloc (kB)", number_in(MEMINFO, "VmallocUsed:"), false);
	read_general_caches(gauges);
}

void gauges_read(struct gauges *gauges)
{
	read_exact(gauges);
	read_general(gauges);
}

static long before_of(const struct gauges *before, const struct gauge *gauge)
{
	for (unsigned int i = 0; i < before->count; i++)
		if (strcmp(before->all[i].name, gauge->name) == 0)
			return before->all[i].value;
	return gauge->value;
}

static long growth(const struct gauges *before, const struct gauge *gauge)
{
	return gauge->value - before_of(before, gauge);
}

static bool something_left(const struct gauges *before, const struct gauges *after)
{
	for (unsigned int i = 0; i < after->count; i++)
		if (after->all[i].exact && growth(before, &after->all[i]) > 0)
			return true;
	return false;
}

void gauges_settle(const struct gauges *before, struct gauges *after)
{
	read_exact(after);
	for (unsigned int waited = 0; waited < SETTLE_MS && something_left(before, after); waited += STEP_MS) {
		usleep(STEP_MS * 1000);
		read_exact(after);
	}
	read_general(after);
}

void gauges_print_left(const struct gauges *before, const struct gauges *after)
{
	for (unsigned int i = 0; i < after->count; i++)
		if (after->all[i].exact && growth(before, &after->all[i]) > 0)
			printf("@left {\"what\":\"%s\",\"before\":%ld,\"after\":%ld}\n", after->all[i].name,
			       before_of(before, &after->all[i]), after->all[i].value);
}

bool gauges_suspicious(const struct gauges *before, const struct gauges *after)
{
	for (unsigned int i = 0; i < after->count; i++) {
		long more = growth(before, &after->all[i]);

		if (more > (after->all[i].exact ? 0 : strchr(after->all[i].name, '(') ? NOISE_KB : NOISE_OBJECTS))
			return true;
	}
	return false;
}
