/* Guest program: add one to a word in each of some pages, pass after pass, with changes of CR4.PSE in between. */
#include "io.h"
#include "touch.h"

static void stretch(volatile struct touch_board *board, volatile uint32_t *word)
{
	for (uint32_t pass = 0; pass < board->passes; pass++) {
		if (board->toggle_every && pass % board->toggle_every == 0) {
			toggle_pse();
			board->toggled++;
		}
		for (uint32_t page = 0; page < board->pages; page++)
			word[page * PAGE / sizeof(*word)]++;
		board->passed++;
	}
}

void guest_main(uint32_t vcpu)
{
	for (;;) {
		stretch((void *)(GUEST_BOARDS + vcpu * PAGE), (volatile uint32_t *)GUEST_DATA + vcpu);
		leave(PORT_REPORT);
	}
}
