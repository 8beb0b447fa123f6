/* Control registers and model specific registers. */
#ifndef GUEST_CONTROL_H
#define GUEST_CONTROL_H

#include <stdint.h>

#define CR0_PE 1u
#define CR0_ET (1u << 4)
#define CR0_WP (1u << 16)
#define CR0_PG (1u << 31)
#define CR4_PAE (1u << 5)
#define CR4_PGE (1u << 7)
#define CR4_SMEP (1u << 20)

#define CONTROL_REGISTER(name)                                                     \
	static inline uint32_t read_##name(void)                                   \
	{                                                                          \
		uint32_t value;                                                    \
		__asm__ volatile("movl %%" #name ", %0" : "=r"(value));            \
		return value;                                                      \
	}                                                                          \
	static inline void write_##name(uint32_t value)                            \
	{                                                                          \
		__asm__ volatile("movl %0, %%" #name : : "r"(value) : "memory");   \
	}

CONTROL_REGISTER(cr0)
CONTROL_REGISTER(cr3)
CONTROL_REGISTER(cr4)

/* Of registers whose high half is 0. */
static inline uint32_t read_msr(uint32_t msr)
{
	uint32_t low, high;

	__asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
	return low;
}

static inline void write_msr(uint32_t msr, uint32_t low)
{
	__asm__ volatile("wrmsr" : : "a"(low), "d"(0), "c"(msr) : "memory");
}

#endif
