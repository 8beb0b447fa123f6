/* Allocations of the calling thread that are made to fail, one at a time (the kernel's CONFIG_FAULT_INJECTION). */
#ifndef FAULTS_H
#define FAULTS_H

#include <stdbool.h>

/* Which allocations are counted, and can be made to fail. */
enum faults { FAULT_SLAB = 1, FAULT_PAGE = 2 };

/*
 * Choose for the whole kernel. Nothing fails by that: it needs a thread that asks for it. Ends the program as skipped on
 * a kernel that can't do it.
 */
void faults_choose(enum faults faults);

/*
 * Whether the kernel's own debugging is left out (slub_debug=A, but not for its caches), so that slab allocations are only
 * those of the code under test. Otherwise about every second point is one where nothing can go wrong.
 */
bool faults_are_only_ours(void);

/* The nth allocation of this thread fails, counted from 1 and from now on. */
void faults_arm(unsigned int nth);

/* No allocation fails any more. True if one did. */
bool faults_disarm(void);

#endif
