/* What the host and the guest program "roots" tell each other, on the board of each vCPU. */
#ifndef ROOTS_H
#define ROOTS_H

#include <stdint.h>

/* What the guest changes between two passes over its pages. Each makes KVM look for another MMU root, or drop the one it has. */
enum roots_change {
	CHANGE_WP, /* CR0.WP over and back again, as all that are bits */
	CHANGE_PG, /* CR0.PG: paging off and on again */
	CHANGE_PSE, /* CR4.PSE; only over, so that every change counts alike with paging off */
	CHANGE_PGE,
	CHANGE_SMEP,
	CHANGE_NX, /* EFER.NX */
	CHANGE_PAGING, /* go on to the next way of paging: CR0.PG, CR3, CR4.PAE, EFER.LME */
	CHANGE_L3, /* run a guest of one's own, which uses the pages too */
	CHANGE_L3_NESTED, /* the same with nested paging */
	CHANGES,
};

struct roots_board {
	/* host */
	uint32_t passes; /* over the pages in one stretch */
	uint32_t pages; /* from GUEST_DATA on */
	uint32_t every; /* make a change before each n-th pass; 0 for never */
	uint32_t changes; /* which, in turn: bits by enum roots_change */
	uint32_t paging; /* enum paging to start with */
	uint32_t fallback; /* enum paging: the last one that the host has; it goes with every change */
	uint32_t l3_stops; /* the guest's guest ends a stretch too, right in its middle */
	/* guest */
	uint32_t passed; /* since its start */
	uint32_t l3_passed; /* passes of the guest's guest */
	uint32_t in_l3; /* who ended this stretch: the guest's guest? */
	uint32_t changed[CHANGES]; /* how often since its start */
	uint32_t wrong_exit; /* of the guest's guest, if it left with PORT_WRONG */
	uint32_t now; /* enum paging */
	uint32_t last; /* change */
};

/* The words of a page that guests and guests' guests count up, by vCPU. */
#define ROOTS_L2_WORD 0
#define ROOTS_L3_WORD MAX_VCPUS

#endif
