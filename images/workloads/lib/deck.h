/* A deck of kinds of operations: dealt in an order of chance, and each comes as often as the others. */
#ifndef DECK_H
#define DECK_H

#include "random.h"

#define MOST_CARDS 64

struct deck {
	uint8_t cards[MOST_CARDS];
	unsigned int count, dealt;
	unsigned int first; /* so many of them come first in each pass */
	unsigned int passes; /* how often all have been dealt */
};

static inline void deck_add(struct deck *deck, unsigned int card)
{
	deck->cards[deck->count++] = (uint8_t)card;
}

static inline void shuffle(uint8_t *cards, unsigned int count, struct choices *choices)
{
	for (unsigned int left = count; left > 1; left--) {
		unsigned int at = choose_below(choices, left);
		uint8_t card = cards[at];

		cards[at] = cards[left - 1];
		cards[left - 1] = card;
	}
}

static inline unsigned int deck_deal(struct deck *deck, struct choices *choices)
{
	unsigned int card;

	if (deck->dealt == 0) {
		shuffle(deck->cards, deck->first, choices);
		shuffle(deck->cards + deck->first, deck->count - deck->first, choices);
	}
	card = deck->cards[deck->dealt++];
	if (deck->dealt == deck->count) {
		deck->dealt = 0;
		deck->passes++;
	}
	return card;
}

#endif
