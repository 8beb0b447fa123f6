/* Guest program: read, write and execute in slots that come and go, and check what is found there. */
#include "io.h"
#include "visit.h"

#define STAYS_A_STRETCH 4
#define SHORT_STAY 16 /* visits */
#define LONG_STAY 1024 /* most visits of a stay that waits for a change */
#define AFTER_CHANGE 64 /* visits to see its outcome, by what the vCPU had cached before */
#define NEAR_PAGES 4 /* a stay keeps to so many pages, so that their translations stay cached */

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

/* Write at `to` what was not there, and say whether that has taken effect at `from`. */
static uint32_t write_word(uint32_t to, uint32_t from, uint32_t set, uint32_t vcpu)
{
	volatile uint32_t *word = &page_at(to)->words[set][vcpu];
	uint32_t wanted = *word + 1;

	*word = wanted;
	return page_at(from)->words[set][vcpu] == wanted;
}

/* ---- one visit */

struct visit {
	volatile struct visit_board *board;
	volatile struct visit_slot *slots, *slot, *alias;
	uint32_t index, vcpu;
	uint32_t ended, alias_ended; /* read before everything else */
	uint32_t kind, page, gpa, alias_gpa, act, expected, got;
};

/* The last page but one of no slot is next to another slot: what is beside one is a hole. */
static uint32_t gpa_beside(const struct visit *visit, uint32_t random)
{
	return visit->slot->gpa + (random % 2 ? visit->slot->pages : -1u) * PAGE;
}

/* Where the alias shows the same page, if both are there: what is read of a hole may be what the alias has, less one. */
static uint32_t alias_of(const struct visit *visit)
{
	uint32_t page = visit->slot->offset + visit->page - visit->alias->offset;

	if (visit->alias == visit->slot || visit->kind == VISIT_ABSENT || visit->alias->kind == VISIT_ABSENT ||
	    page >= visit->alias->pages)
		return 0;
	return visit->alias->gpa + page * PAGE;
}

/* Pages that are all alike are there to be merged: they are written to seldom. So are those whose writes leave the guest. */
static uint32_t choose_write(const struct visit *visit, uint32_t random)
{
	if (!visit->slot->tag_step && random / 64 % 8)
		return VISIT_READ;
	if (visit->kind == VISIT_READONLY && random / 64 % 16)
		return VISIT_READ;
	return random / 32 % 2 && visit->alias_gpa ? VISIT_ALIAS : VISIT_WRITE;
}

static uint32_t choose_act(const struct visit *visit, uint32_t random)
{
	if (random % 256 == 0)
		return VISIT_BESIDE;
	switch (random % 4) {
	case 0:
		return choose_write(visit, random);
	case 1:
		return visit->slot->callable && visit->kind != VISIT_ABSENT ? VISIT_CALL : VISIT_READ;
	}
	return VISIT_READ;
}

/* Without a slot, reads give HOLE_VALUE; what is written to it or to a read-only slot is lost. */
static uint32_t expected_of(const struct visit *visit)
{
	if (visit->act == VISIT_WRITE || visit->act == VISIT_ALIAS)
		return visit->kind == VISIT_WRITABLE;
	if (visit->act == VISIT_BESIDE || visit->kind == VISIT_ABSENT)
		return HOLE_VALUE;
	return visit->slot->first_tag + visit->page * visit->slot->tag_step;
}

static uint32_t act(const struct visit *visit)
{
	switch (visit->act) {
	case VISIT_WRITE:
		return write_word(visit->gpa, visit->gpa, visit->slot->set, visit->vcpu);
	case VISIT_ALIAS:
		return write_word(visit->gpa, visit->alias_gpa, visit->slot->set, visit->vcpu);
	case VISIT_CALL:
		return call_function(visit->gpa);
	}
	return page_at(visit->gpa)->tag;
}

static void tell_wrong(const struct visit *visit)
{
	visit->board->wrong_slot = visit->index;
	visit->board->wrong_gpa = visit->gpa;
	visit->board->wrong_act = visit->act;
	visit->board->wrong_kind = visit->kind;
	visit->board->wrong_expected = visit->expected;
	visit->board->wrong_got = visit->got;
	leave(PORT_WRONG);
}

static void prepare(struct visit *visit, uint32_t page)
{
	uint32_t random = next_random(visit->board);

	visit->ended = visit->slot->ended; /* first of all */
	visit->alias = &visit->slots[visit->slot->alias];
	visit->alias_ended = visit->alias->ended;
	visit->kind = visit->slot->kind;
	visit->page = page % visit->slot->pages;
	visit->gpa = visit->slot->gpa + visit->page * PAGE;
	visit->alias_gpa = alias_of(visit);
	visit->act = choose_act(visit, random);
	visit->expected = expected_of(visit);
	if (visit->act == VISIT_BESIDE)
		visit->gpa = gpa_beside(visit, random / 256);
}

/* True if the slot or what is behind it has changed meanwhile. */
static uint32_t visit_page(struct visit *visit, uint32_t page)
{
	prepare(visit, page);
	visit->board->visits++;
	visit->board->calls += visit->act == VISIT_CALL;
	visit->got = act(visit);
	if (visit->slot->begun != visit->ended || visit->alias->begun != visit->alias_ended) /* last of all */
		return 1;
	visit->board->checked++;
	if (visit->got != visit->expected)
		tell_wrong(visit);
	return 0;
}

/* ---- a stretch of them */

/* The first and the last pages of a slot are where arithmetic goes wrong. */
static uint32_t choose_page(const struct visit *visit)
{
	uint32_t random = next_random(visit->board);
	uint32_t pages = visit->slot->pages;

	switch (random % 4) {
	case 0:
		return 0;
	case 1:
		return pages > NEAR_PAGES ? pages - NEAR_PAGES : 0;
	}
	return random / 4 % pages;
}

static void stay(struct visit *visit)
{
	uint32_t left = next_random(visit->board) % 4 ? SHORT_STAY : LONG_STAY;
	uint32_t page = choose_page(visit);
	uint32_t ended = visit->slot->ended;

	for (; left; left--) {
		visit_page(visit, page + left % NEAR_PAGES);
		if (visit->slot->ended == ended)
			continue;
		ended = visit->slot->ended;
		visit->board->witnessed++;
		left = left < AFTER_CHANGE ? left : AFTER_CHANGE;
	}
}

static uint32_t choose_slot(volatile struct visit_board *board, volatile struct visit_shared *shared)
{
	uint32_t focus = shared->focus;

	if (focus < shared->count && next_random(board) % 4)
		return focus;
	return next_random(board) % shared->count;
}

static void stretch(volatile struct visit_board *board, volatile struct visit_shared *shared, uint32_t vcpu)
{
	for (int i = 0; i < STAYS_A_STRETCH; i++) {
		struct visit visit = {.board = board, .slots = shared->slots, .vcpu = vcpu};

		visit.index = choose_slot(board, shared);
		visit.slot = &shared->slots[visit.index];
		if (visit.slot->kind == VISIT_ABSENT) /* every visit leaves the guest */
			visit_page(&visit, choose_page(&visit));
		else
			stay(&visit);
	}
}

void guest_main(uint32_t vcpu)
{
	volatile struct visit_board *board = (void *)(GUEST_BOARDS + vcpu * PAGE);
	volatile struct visit_shared *shared = (void *)GUEST_SHARED;

	for (;;) {
		stretch(board, shared, vcpu);
		leave(PORT_REPORT);
	}
}
