/* What a guest program needs of the processor. */
#ifndef GUEST_IO_H
#define GUEST_IO_H

#include <stdint.h>

#include "layout.h"

#define CR4_PSE 0x10

static inline void leave(uint16_t port)
{
	__asm__ volatile("outb %%al, %w0" : : "Nd"(port) : "memory");
}

/* With paging off the bit changes nothing for the guest, but KVM has to set its MMU up anew. */
static inline void toggle_pse(void)
{
	uint32_t cr4;

	__asm__ volatile("movl %%cr4, %0" : "=r"(cr4));
	__asm__ volatile("movl %0, %%cr4" : : "r"(cr4 ^ CR4_PSE) : "memory");
}

void guest_main(uint32_t vcpu);

#endif
