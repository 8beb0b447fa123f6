/* A small generator of choices: the same seed makes the same choices (splitmix64). */
#ifndef RANDOM_H
#define RANDOM_H

#include <stdbool.h>
#include <stdint.h>

struct choices {
	uint64_t state;
};

static inline uint64_t choose(struct choices *choices)
{
	uint64_t z = choices->state += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

/* A number from 0 to `bound` - 1. */
static inline unsigned int choose_below(struct choices *choices, unsigned int bound)
{
	return (unsigned int)(choose(choices) % bound);
}

static inline bool one_in(struct choices *choices, unsigned int n)
{
	return choose_below(choices, n) == 0;
}

/* An independent sequence, for a thread or a process of its own. */
static inline struct choices choices_for(uint64_t seed, uint64_t who)
{
	struct choices choices = {seed ^ who << 32};

	return (struct choices){choose(&choices)};
}

#endif
