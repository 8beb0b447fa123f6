/* KVM's statistics of a VM or a vCPU (KVM_GET_STATS_FD). */
#ifndef STATS_H
#define STATS_H

#include <stdint.h>

/* A file descriptor of the statistics of a VM or vCPU. */
int stats_open(int fd);
/* One of them by name; a kernel that has none of that name ends the program. */
uint64_t stats_read(int stats, const char *name);

/* Add the ones in stats_kept that a VM or vCPU has to done->kept. Once for each, before it is closed. */
void stats_keep(int fd);
extern const char *const stats_kept[]; /* ends with NULL; at most MOST_KEPT */

#endif
