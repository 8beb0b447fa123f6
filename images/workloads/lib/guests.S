/* The guest programs, as the host copies them into a guest's memory, and what a vCPU runs on an SMI. */
#include "layout.h"
#include "visit.h"

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

	.globl	guest_smi_visit, guest_smi_visit_end
guest_smi_visit:			/* instead of it: what is said at struct smm_visit */
	addr32 movl %ds:SMM_VISIT, %esi
	addr32 movl %ds:SMM_VISIT + 4, %ecx
	addr32 movl %ds:SMM_VISIT + SMM_TAG, %edx
1:
	addr32 movl (%esi), %eax
	cmpl	%edx, %eax
	je	2f
	addr32 incl %ds:SMM_VISIT + SMM_WRONG
	addr32 movl %esi, %ds:SMM_VISIT + SMM_WRONG + 4
	addr32 movl %eax, %ds:SMM_VISIT + SMM_WRONG + 8
2:
	addr32 incl SMM_WORD(%esi)
	addl	$PAGE, %esi
	addr32 addl %ds:SMM_VISIT + SMM_STEP, %edx
	decl	%ecx
	jnz	1b
	addr32 incl %ds:SMM_COUNT	/* last, so that who waits for it finds all done */
	rsm
guest_smi_visit_end:

	.globl	guest_smi_stop, guest_smi_stop_end
guest_smi_stop:				/* the same, but first it leaves to the host */
	outb	%al, $PORT_REPORT
	addr32 incl %ds:SMM_COUNT
	rsm
guest_smi_stop_end:

	.section .note.GNU-stack, "", @progbits
