/*
 * Page tables of guests that turn paging on: the first MAPPED_SIZE bytes mapped to themselves, in small pages, in every
 * format. They are there twice: for the guest's own use, and with user access, as nested page tables must have it.
 */
#ifndef PAGING_H
#define PAGING_H

#include "layout.h"

#define MAPPED_SIZE 0x200000

/* Where the tables' tops are; of PAE's, which is 32 bytes, there is one for each vCPU. */
#define TABLES_32 (GUEST_TABLES + 0 * PAGE)
#define TABLES_PAE (GUEST_TABLES + 1 * PAGE)
#define TABLES_64 (GUEST_TABLES + 2 * PAGE)
#define TOP_PAE 32
#define NESTED_TABLES (5 * PAGE) /* those for nested paging are so much further up; there are none of PAE */

#define TABLE_ACCESSED 0x20 /* in an entry */

/* Ways of paging, in the order in which guests go through them. */
enum paging { PAGING_OFF, PAGING_PAE, PAGING_32, PAGING_64, PAGINGS };

static inline unsigned int tables_of(enum paging paging, unsigned int vcpu)
{
	return paging == PAGING_PAE ? TABLES_PAE + vcpu * TOP_PAE : paging == PAGING_32 ? TABLES_32 : TABLES_64;
}

#ifdef __x86_64__ /* for the host */
#include "vm.h"

void paging_write(const struct vm *vm);
#endif

#endif
