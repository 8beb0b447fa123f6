/* Guest program: read, write and execute in slots that come and go, and check what is found there. */
#include "io.h"
#include "visit.h"

#define VISITS_A_STRETCH 32

static uint32_t next_random(volatile struct visit_board *board)
{
	uint32_t x = board->random;

	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	return board->random = x;
}

static volatile struct visit_page *page_at(uint32_t gpa)
{
	return (volatile struct visit_page *)gpa;
}

static uint32_t call_function(uint32_t gpa)
{
	return ((uint32_t (*)(void))page_at(gpa)->function)();
}

/* Write what was not there, and say whether that has taken effect. */
static uint32_t write_word(uint32_t gpa, uint32_t vcpu)
{
	volatile uint32_t *word = &page_at(gpa)->words[vcpu];
	uint32_t wanted = *word + 1;

	*word = wanted;
	return *word == wanted;
}

static uint32_t act_on(uint32_t act, uint32_t gpa, uint32_t vcpu)
{
	switch (act) {
	case VISIT_WRITE:
		return write_word(gpa, vcpu);
	case VISIT_CALL:
		return call_function(gpa);
	}
	return page_at(gpa)->tag;
}

/* Without a slot, reads give HOLE_VALUE; what is written to it or to a read-only slot is lost. */
static uint32_t expected_of(uint32_t act, uint32_t kind, uint32_t tag)
{
	if (act == VISIT_WRITE)
		return kind == VISIT_WRITABLE;
	return kind == VISIT_ABSENT ? HOLE_VALUE : tag;
}

static uint32_t choose_act(uint32_t random, uint32_t kind)
{
	uint32_t act = random % 4 < 2 ? VISIT_READ : random % 4 == 2 ? VISIT_WRITE : VISIT_CALL;

	return act == VISIT_CALL && kind == VISIT_ABSENT ? VISIT_READ : act;
}

static void visit(volatile struct visit_board *board, volatile struct visit_slot *slot, uint32_t index, uint32_t vcpu)
{
	uint32_t ended = slot->ended; /* first of all */
	uint32_t kind = slot->kind;
	uint32_t page = next_random(board) % slot->pages;
	uint32_t gpa = slot->gpa + page * PAGE;
	uint32_t act = choose_act(next_random(board), kind);
	uint32_t expected = expected_of(act, kind, slot->first_tag + page);
	uint32_t got;

	board->visits++;
	board->calls += act == VISIT_CALL;
	got = act_on(act, gpa, vcpu);
	if (slot->begun != ended) /* last of all */
		return;
	board->checked++;
	if (got == expected)
		return;
	board->wrong_slot = index;
	board->wrong_gpa = gpa;
	board->wrong_act = act;
	board->wrong_kind = kind;
	board->wrong_expected = expected;
	board->wrong_got = got;
	leave(PORT_WRONG);
}

void guest_main(uint32_t vcpu)
{
	volatile struct visit_board *board = (void *)(GUEST_BOARDS + vcpu * PAGE);
	volatile struct visit_shared *shared = (void *)GUEST_SHARED;

	for (;;) {
		for (int i = 0; i < VISITS_A_STRETCH; i++) {
			uint32_t index = next_random(board) % VISIT_SLOTS;

			visit(board, &shared->slots[index], index, vcpu);
		}
		leave(PORT_REPORT);
	}
}
