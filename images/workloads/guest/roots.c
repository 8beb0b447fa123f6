/*
 * Guest program: add one to a word in each of some pages, pass after pass, with changes in between that make KVM look for
 * another MMU root: of control registers, of the way of paging, by guests of its own.
 *
 * All of it is 32-bit code. Under 64-bit paging it runs in compatibility mode, which is long mode for KVM.
 */
#include "control.h"
#include "io.h"
#include "paging.h"
#include "roots.h"
#include "svm.h"

typedef volatile struct roots_board board_t;

static board_t *board_of(uint32_t vcpu)
{
	return (void *)(GUEST_BOARDS + vcpu * PAGE);
}

static void count_up(const board_t *board, uint32_t index)
{
	volatile uint32_t *word = (volatile uint32_t *)GUEST_DATA + index;

	for (uint32_t page = 0; page < board->pages; page++)
		word[page * PAGE / sizeof(*word)]++;
}

/* ---- ways of paging */

/* CR4.PAE goes before EFER.LME and stays until after it: an exit with only LME makes QEMU 7.2 forget to page its own host. */
static void set_long_mode(uint32_t on, uint32_t pae)
{
	uint32_t efer = read_msr(MSR_EFER) & ~EFER_LMA;

	write_cr4(read_cr4() | CR4_PAE);
	write_msr(MSR_EFER, on ? efer | EFER_LME : efer & ~EFER_LME);
	if (!pae)
		write_cr4(read_cr4() & ~CR4_PAE);
}

/*
 * The four entries at the top of PAE's tables have no accessed bit, and KVM refuses them with one. QEMU 7.2 sets it when it
 * walks them. So they are cleaned while paging is off, each vCPU has its own, and KVM has no cause to read them again.
 */
static void clean_pae(uint32_t vcpu)
{
	*(volatile uint32_t *)tables_of(PAGING_PAE, vcpu) &= ~TABLE_ACCESSED;
}

static void set_paging(board_t *board, uint32_t vcpu, enum paging paging)
{
	write_cr0(read_cr0() & ~CR0_PG);
	set_long_mode(paging == PAGING_64, paging == PAGING_64 || paging == PAGING_PAE);
	if (paging != PAGING_OFF) {
		clean_pae(vcpu);
		write_cr3(tables_of(paging, vcpu));
		write_cr0(read_cr0() | CR0_PG);
	}
	board->now = paging;
}

static enum paging next_paging(const board_t *board)
{
	return board->now == board->fallback ? PAGING_OFF : board->now + 1;
}

/* ---- a guest's guest */

static void l3_main(uint32_t vcpu)
{
	board_t *board = board_of(vcpu);

	for (;;) {
		count_up(board, vcpu + ROOTS_L3_WORD);
		board->l3_passed++;
		if (board->l3_stops) {
			board->in_l3 = 1;
			leave(PORT_REPORT);
			board->in_l3 = 0;
		}
		switch (board->l3_passed % 3) {
		case 0:
			__asm__ volatile("hlt");
			break;
		case 1:
			__asm__ volatile("vmmcall");
			break;
		default:
			__asm__ volatile("cpuid" : : : "eax", "ebx", "ecx", "edx");
		}
	}
}

static uint32_t expected_exit(const board_t *board)
{
	return board->l3_passed % 3 == 0 ? EXIT_HLT : board->l3_passed % 3 == 1 ? EXIT_VMMCALL : EXIT_CPUID;
}

static void set(uint32_t vmcb, uint32_t offset, uint32_t value)
{
	*(volatile uint32_t *)(vmcb + offset) = value;
}

static void set_segment(uint32_t vmcb, uint32_t offset, uint32_t selector, uint32_t attributes)
{
	set(vmcb, offset, selector | attributes << 16);
	set(vmcb, offset + 4, 0xffffffff);
}

/* Paged as we are, or with paging off below nested page tables in our own format. */
static void set_up_paging(uint32_t vmcb, const board_t *board, uint32_t nested)
{
	set(vmcb, VMCB_NESTED_PAGING, nested);
	set(vmcb, VMCB_NESTED_CR3, nested ? tables_of(board->now, 0) + NESTED_TABLES : 0);
	set(vmcb, VMCB_EFER, nested ? EFER_SVME : read_msr(MSR_EFER));
	set(vmcb, VMCB_CR4, nested ? 0 : read_cr4());
	set(vmcb, VMCB_CR3, nested ? 0 : read_cr3());
	set(vmcb, VMCB_CR0, nested ? CR0_PE | CR0_ET : read_cr0());
}

/* It starts anew each time: as if called with the vCPU's index, on the lower half of the vCPU's stack. */
static void set_up_l3(uint32_t vmcb, uint32_t vcpu)
{
	uint32_t *stack = (uint32_t *)(GUEST_STACKS + vcpu * PAGE + PAGE / 2) - 2;

	stack[1] = vcpu;
	set(vmcb, VMCB_INTERCEPTS, INTERCEPT_CPUID | INTERCEPT_HLT | INTERCEPT_SHUTDOWN);
	set(vmcb, VMCB_INTERCEPTS_SVM, INTERCEPT_VMRUN | INTERCEPT_VMMCALL);
	set(vmcb, VMCB_ASID, 1);
	set_segment(vmcb, VMCB_CS, 8, SEGMENT_CODE);
	set_segment(vmcb, VMCB_ES, 16, SEGMENT_DATA);
	set_segment(vmcb, VMCB_SS, 16, SEGMENT_DATA);
	set_segment(vmcb, VMCB_DS, 16, SEGMENT_DATA);
	set(vmcb, VMCB_DR7, 0x400);
	set(vmcb, VMCB_DR6, 0xffff0ff0);
	set(vmcb, VMCB_RFLAGS, 2);
	set(vmcb, VMCB_RIP, (uint32_t)l3_main);
	set(vmcb, VMCB_RSP, (uint32_t)stack);
	set(vmcb, VMCB_PAT, 0x00070406);
	set(vmcb, VMCB_PAT + 4, 0x00070406);
}

static void run_l3(board_t *board, uint32_t vcpu, uint32_t nested)
{
	uint32_t vmcb = GUEST_VMCBS + vcpu * PAGE;

	write_msr(MSR_EFER, read_msr(MSR_EFER) | EFER_SVME);
	write_msr(MSR_VM_HSAVE_PA, GUEST_HSAVES + vcpu * PAGE);
	set_up_l3(vmcb, vcpu);
	set_up_paging(vmcb, board, nested);
	vmrun(vmcb);
	board->wrong_exit = *(volatile uint32_t *)(vmcb + VMCB_EXIT_CODE);
	if (board->wrong_exit != expected_exit(board))
		leave(PORT_WRONG);
}

/* ---- changes */

static void flip_cr4(uint32_t bit)
{
	uint32_t cr4 = read_cr4();

	write_cr4(cr4 ^ bit);
	write_cr4(cr4);
}

static void flip_cr0(uint32_t bit)
{
	uint32_t cr0 = read_cr0();

	write_cr0(cr0 ^ bit);
	write_cr0(cr0);
}

static void flip_nx(void)
{
	uint32_t efer = read_msr(MSR_EFER);

	write_msr(MSR_EFER, efer ^ EFER_NX);
	write_msr(MSR_EFER, efer);
}

/* VMRUN needs paging, and it and changes of CR4 have KVM read the top of PAE's tables again: see clean_pae(). */
static void choose_paging_for(board_t *board, uint32_t vcpu, enum roots_change change)
{
	uint32_t l3 = change == CHANGE_L3 || change == CHANGE_L3_NESTED;
	uint32_t cr4 = change == CHANGE_PSE || change == CHANGE_PGE || change == CHANGE_SMEP;

	if ((board->now == PAGING_OFF && l3) || (board->now == PAGING_PAE && (l3 || cr4)))
		set_paging(board, vcpu, board->fallback);
}

static void make(board_t *board, uint32_t vcpu, enum roots_change change)
{
	choose_paging_for(board, vcpu, change);
	switch (change) {
	case CHANGE_WP:
		return flip_cr0(CR0_WP);
	case CHANGE_PG:
		set_paging(board, vcpu, PAGING_OFF);
		return set_paging(board, vcpu, board->paging);
	case CHANGE_PSE:
		return toggle_pse();
	case CHANGE_PGE:
		return flip_cr4(CR4_PGE);
	case CHANGE_SMEP:
		return flip_cr4(CR4_SMEP);
	case CHANGE_NX:
		return flip_nx();
	case CHANGE_PAGING:
		return set_paging(board, vcpu, next_paging(board));
	default:
		run_l3(board, vcpu, change == CHANGE_L3_NESTED);
	}
}

static void change(board_t *board, uint32_t vcpu)
{
	do
		board->last = (board->last + 1) % CHANGES;
	while (!(board->changes >> board->last & 1));
	make(board, vcpu, board->last);
	board->changed[board->last]++;
}

static void stretch(board_t *board, uint32_t vcpu)
{
	for (uint32_t pass = 0; pass < board->passes; pass++) {
		if (board->every && pass % board->every == 0)
			change(board, vcpu);
		count_up(board, vcpu + ROOTS_L2_WORD);
		board->passed++;
	}
}

void guest_main(uint32_t vcpu)
{
	board_t *board = board_of(vcpu);

	set_paging(board, vcpu, board->paging);
	for (;;) {
		stretch(board, vcpu);
		leave(PORT_REPORT);
	}
}
