/* Does everything that can be done to the memory behind slots, and looks whether every page has its tag afterwards. */
#include <stdio.h>
#include <string.h>

#include "lib/backing.h"
#include "lib/workload.h"

static const enum backing_type types[] = {
	BACKING_SHARED, BACKING_PRIVATE, BACKING_HOLES, BACKING_ANONYMOUS, BACKING_ALIKE, BACKING_HUGE,
};

static void check_page(const struct backing *backing, uint32_t page, enum kind kind)
{
	const struct visit_page *content = backing_page(backing, page);
	uint32_t tag = backing_tag(backing, page), returned;

	memcpy(&returned, content->function + 1, sizeof(returned));
	if (content->tag != tag || returned != tag)
		fail("expected tag %#x in page %u of type %#x after %s, got %#x and %#x", tag, page, backing->type,
		     kind_names[kind], content->tag, returned);
}

static void change(struct backing *backing, enum kind kind, struct choices *choices)
{
	if (backing_change(backing, kind, choices))
		printf("%#x %s\n", backing->type, kind_names[kind]);
	for (uint32_t page = 0; page < backing->pages; page++)
		check_page(backing, page, kind);
}

static void change_all(enum backing_type type, struct choices *choices)
{
	struct backing backing;

	if (!backing_make(&backing, type, 0x5a000000))
		fail("expected memory of type %#x to be had", type);
	for (int round = 0; round < 4; round++)
		for (unsigned int kind = 0; kind < KINDS_COUNT; kind++)
			if (kind != MEMORY_PAGEOUT && backing_suits(type, kind))
				change(&backing, kind, choices);
	backing_unmake(&backing);
}

int main(void)
{
	struct choices choices = choices_for(1, 0);

	for (unsigned int i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		change_all(types[i], &choices);
	return 0;
}
