/* The guest programs, as the host copies them into a guest's memory, and what a vCPU runs on an SMI. */
#include "layout.h"

	.section .rodata
	.macro	program name
	.globl	guest_\name, guest_\name\()_end
guest_\name:
	.incbin	"\name\().bin"
guest_\name\()_end:
	.endm

	program touch
	program visit
	program roots

	.globl	guest_smi, guest_smi_end
	.code16
guest_smi:				/* at SMM_ENTRY, 16-bit, flat from address 0 */
	addr32 incl %ds:SMM_COUNT
	rsm
guest_smi_end:

	.globl	guest_smi_stop, guest_smi_stop_end
guest_smi_stop:				/* the same, but first it leaves to the host */
	outb	%al, $PORT_REPORT
	addr32 incl %ds:SMM_COUNT
	rsm
guest_smi_stop_end:

	.section .note.GNU-stack, "", @progbits
