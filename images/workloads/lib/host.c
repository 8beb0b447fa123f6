#define _GNU_SOURCE
#include "host.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/swap.h>
#include <unistd.h>

#include "layout.h"

#define SWAP_DISK "/dev/ram0"
#define KSM "/sys/kernel/mm/ksm/"
#define HUGE_PAGES "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages"

static unsigned long huge_before;
static bool huge_changed;

static bool set(const char *path, unsigned long value)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool worked = fd >= 0 && dprintf(fd, "%lu\n", value) > 0;

	if (fd >= 0)
		close(fd);
	return worked;
}

static unsigned long get(const char *path)
{
	char text[32] = "";
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return 0;
	if (read(fd, text, sizeof(text) - 1) < 0)
		text[0] = 0;
	close(fd);
	return strtoul(text, NULL, 10);
}

/* ---- swap */

/* The first page of a disk that is swap, as the kernel reads it. */
struct swap_page {
	uint8_t boot[1024];
	uint32_t version, last_page, bad_pages;
	uint8_t rest[PAGE - 1024 - 12 - 10];
	char magic[10];
} __attribute__((packed));

static bool make_swap(const char *disk)
{
	struct swap_page page = {.version = 1};
	uint64_t bytes = 0;
	int fd = open(disk, O_RDWR | O_CLOEXEC);
	bool worked;

	if (fd < 0)
		return false;
	memcpy(page.magic, "SWAPSPACE2", sizeof(page.magic));
	worked = !ioctl(fd, BLKGETSIZE64, &bytes) && bytes > PAGE;
	page.last_page = (uint32_t)(bytes / PAGE) - 1;
	worked = worked && pwrite(fd, &page, sizeof(page), 0) == sizeof(page) && !fsync(fd);
	close(fd);
	return worked;
}

bool host_swap_on(void)
{
	return make_swap(SWAP_DISK) && !swapon(SWAP_DISK, 0);
}

void host_swap_off(void)
{
	int fd;

	if (swapoff(SWAP_DISK))
		return;
	fd = open(SWAP_DISK, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return;
	ioctl(fd, BLKFLSBUF, 0); /* gives the memory of the RAM disk back */
	close(fd);
}

/* ---- merging */

bool host_can_merge(void)
{
	return set(KSM "pages_to_scan", 64) && set(KSM "sleep_millisecs", 100) && set(KSM "run", 0);
}

void host_merge(bool on)
{
	set(KSM "run", on);
}

void host_part(void)
{
	set(KSM "run", 2);
	set(KSM "run", 0);
}

unsigned long host_merged(void)
{
	return get(KSM "pages_sharing");
}

/* ---- huge pages */

bool host_reserve_huge(unsigned long pages)
{
	huge_before = get(HUGE_PAGES);
	huge_changed = huge_before < pages && set(HUGE_PAGES, pages);
	return get(HUGE_PAGES) >= pages;
}

void host_release_huge(void)
{
	if (huge_changed)
		set(HUGE_PAGES, huge_before);
}
