/* What the whole kernel has to be set to for some of what is done to memory: swap, merging, huge pages. */
#ifndef HOST_H
#define HOST_H

#include <stdbool.h>

/* Swap on the RAM disk. False where there is none. */
bool host_swap_on(void);
void host_swap_off(void);

/* Merging of pages that are alike, at a pace that shows in seconds. False where the kernel does not do it. */
bool host_can_merge(void);
void host_merge(bool on); /* it takes much of an emulated processor */
void host_part(void); /* what has been merged */
/* How many pages are merged into others now. */
unsigned long host_merged(void);

/* Have at least so many huge pages for hugetlbfs; host_release_huge() puts the number back to what it was. */
bool host_reserve_huge(unsigned long pages);
void host_release_huge(void);

#endif
