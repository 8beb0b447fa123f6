#include "paging.h"

#include <stdint.h>
#include <string.h>

#define PRESENT 1
#define WRITABLE 2
#define USER 4
#define DIRTY 0x40
/* The processor has nothing to note in what already says that it was used. */
#define USED (TABLE_ACCESSED | DIRTY)

/* The tables below the tops. */
#define MIDDLE_64 (GUEST_TABLES + 3 * PAGE) /* below TABLES_64 */
#define DIRECTORY (GUEST_TABLES + 4 * PAGE) /* below that and TABLES_PAE */
#define PAGES_32 (GUEST_TABLES + 10 * PAGE)
#define PAGES (GUEST_TABLES + 11 * PAGE)

static void write_32(const struct vm *vm, uint32_t table, uint32_t index, uint32_t entry)
{
	memcpy(vm->low + table + index * sizeof(entry), &entry, sizeof(entry));
}

static void write_64(const struct vm *vm, uint32_t table, uint32_t index, uint64_t entry)
{
	memcpy(vm->low + table + index * sizeof(entry), &entry, sizeof(entry));
}

/* Everything above the pages; what is not allowed here is not allowed, so the pages themselves may allow everything. */
static void write_tops(const struct vm *vm, uint32_t offset, uint32_t access)
{
	write_32(vm, TABLES_32 + offset, 0, PAGES_32 | access);
	write_64(vm, TABLES_64 + offset, 0, (MIDDLE_64 + offset) | access);
	write_64(vm, MIDDLE_64 + offset, 0, (DIRECTORY + offset) | access);
	write_64(vm, DIRECTORY + offset, 0, PAGES | access);
}

void paging_write(const struct vm *vm)
{
	for (uint32_t vcpu = 0; vcpu < MAX_VCPUS; vcpu++)
		write_64(vm, tables_of(PAGING_PAE, vcpu), 0, DIRECTORY | PRESENT); /* takes no more flags */
	write_tops(vm, 0, PRESENT | WRITABLE | TABLE_ACCESSED);
	write_tops(vm, NESTED_TABLES, PRESENT | WRITABLE | USER | TABLE_ACCESSED);
	for (uint32_t page = 0; page < MAPPED_SIZE / PAGE; page++) {
		write_32(vm, PAGES_32, page, page * PAGE | PRESENT | WRITABLE | USER | USED);
		write_64(vm, PAGES, page, page * PAGE | PRESENT | WRITABLE | USER | USED);
	}
}
