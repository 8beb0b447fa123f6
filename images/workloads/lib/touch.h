/* What the host and the guest program "touch" tell each other, on the board of each vCPU. */
#ifndef TOUCH_H
#define TOUCH_H

#include <stdint.h>

struct touch_board {
	uint32_t passes; /* host: passes over the pages in one stretch */
	uint32_t toggle_every; /* host: toggle CR4.PSE before each n-th pass; 0 for never */
	uint32_t pages; /* host: how many pages from GUEST_DATA on */
	uint32_t passed; /* guest: passes done since its start */
	uint32_t toggled; /* guest: toggles done since its start */
};

#endif
