/* Entry of every guest program: flat 32-bit, paging off; the host has set up the stack and put the vCPU's index in eax. */
	.code32
	.section .text.start, "ax"
	.globl start
start:
	pushl	%eax
	call	guest_main
	ud2				/* guest_main does not return */
