/* What the host and the guest program "visit" tell each other about memory that comes and goes. */
#ifndef VISIT_H
#define VISIT_H

#include "layout.h"

/*
 * What a vCPU does on an SMI (guest_smi_visit in guests.S), as struct smm_visit at SMM_VISIT says: from `gpa` on it
 * reads the tag of every page, compares it with what is expected, and counts up the page's first word of SET_SMM.
 */
#define SMM_VISIT (SMM_BASE + 0x5000)
#define SMM_TAG 8 /* offsets of its members */
#define SMM_STEP 12
#define SMM_WRONG 16
#define SMM_WORD (16 + 2 * MAX_VCPUS * 4) /* offset of words[SET_SMM][0] in struct visit_page */

#ifndef __ASSEMBLER__
#include <stdint.h>

#define VISIT_SLOTS 8

/* A slot's words are its own even where two slots have the same memory, so that its dirty log can be held against them. */
#define VISIT_SETS 3
enum visit_set { SET_ORDINARY, SET_ALIAS, SET_SMM };

/* What every page of a slot carries. */
struct visit_page {
	uint32_t tag;
	uint8_t function[12]; /* returns the tag too */
	uint32_t words[VISIT_SETS][MAX_VCPUS]; /* each vCPU counts in its own */
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
	uint32_t pages; /* never 0 */
	uint32_t first_tag; /* of the first page; */
	uint32_t tag_step; /* each next page has so much more */
	uint32_t offset; /* of the first page, in the memory behind the slot */
	uint32_t set;
	uint32_t alias; /* index of the slot that has the same memory behind it; its own if there is none */
	uint32_t callable; /* no page of it is ever without its function */
	uint32_t begun;
};

/* On the page GUEST_SHARED. */
struct visit_shared {
	uint32_t count; /* of slots */
	uint32_t focus; /* the slot most visits are to go to; none if it is `count` or more */
	struct visit_slot slots[VISIT_SLOTS];
};

/* On the board of each vCPU. */
struct visit_board {
	uint32_t random; /* host: not 0; the guest goes on from there */
	uint32_t visits; /* guest: memory accesses tried since its start */
	uint32_t checked; /* guest: those with nothing changing under them, so that their result could be judged */
	uint32_t calls; /* guest: functions called in slots */
	uint32_t witnessed; /* guest: changes of a slot that happened while it kept visiting it */
	/* guest: what was wrong, before it leaves by PORT_WRONG */
	uint32_t wrong_slot, wrong_gpa, wrong_act, wrong_kind, wrong_expected, wrong_got;
};

enum visit_act { VISIT_READ, VISIT_WRITE, VISIT_CALL, VISIT_BESIDE, VISIT_ALIAS };

struct smm_visit {
	uint32_t gpa; /* host */
	uint32_t pages; /* host; not 0 */
	uint32_t tag, step; /* host */
	uint32_t wrong; /* guest: how many tags were not as expected */
	uint32_t wrong_gpa, wrong_got; /* guest: the last of them */
};

#endif /* __ASSEMBLER__ */
#endif
