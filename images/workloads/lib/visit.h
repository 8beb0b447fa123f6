/* What the host and the guest program "visit" tell each other about memory that comes and goes. */
#ifndef VISIT_H
#define VISIT_H

#include <stdint.h>

#include "layout.h"

#define VISIT_SLOTS 4

/* What every page of a slot carries. */
struct visit_page {
	uint32_t tag;
	uint8_t function[12]; /* returns the tag too */
	uint32_t words[MAX_VCPUS]; /* each vCPU counts in its own */
};

#define HOLE_VALUE 0xffffffff /* what the host answers where there is no slot */

enum visit_kind { VISIT_ABSENT, VISIT_WRITABLE, VISIT_READONLY };

/*
 * What a slot is now. The host counts `begun` before it changes a slot or the memory behind it and `ended`
 * afterwards; several changes can be under way at once. A guest that reads `ended` first and `begun` last and finds them
 * equal knows that nothing changed in between, so that what it saw must be what is described here.
 */
struct visit_slot {
	uint32_t ended;
	uint32_t kind;
	uint32_t gpa;
	uint32_t pages;
	uint32_t first_tag; /* of the first page; each next page has one more */
	uint32_t begun;
};

/* On the page GUEST_SHARED. */
struct visit_shared {
	struct visit_slot slots[VISIT_SLOTS];
};

/* On the board of each vCPU. */
struct visit_board {
	uint32_t random; /* host: not 0; the guest goes on from there */
	uint32_t visits; /* guest: memory accesses tried since its start */
	uint32_t checked; /* guest: those with nothing changing under them, so that their result could be judged */
	uint32_t calls; /* guest: functions called in slots */
	/* guest: what was wrong, before it leaves by PORT_WRONG */
	uint32_t wrong_slot, wrong_gpa, wrong_act, wrong_kind, wrong_expected, wrong_got;
};

enum visit_act { VISIT_READ, VISIT_WRITE, VISIT_CALL };

#endif
