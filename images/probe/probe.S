# The smallest guest: reports through isa-debug-exit whether this CPU can nest.
# QEMU's exit status is (value << 1) | 1: 33 for SVM, 35 for VMX, 37 for neither.

	.code32
	.section .text
	.align 4
header:					# multiboot, so that `-kernel` loads it as it is
	.long	0x1BADB002, 0, -0x1BADB002

	.globl	_start
_start:
	mov	$0x80000000, %eax
	cpuid
	cmp	$0x80000001, %eax
	jb	vmx
	mov	$0x80000001, %eax
	cpuid
	bt	$2, %ecx		# SVM
	mov	$0x10, %al
	jc	report
vmx:
	mov	$1, %eax
	cpuid
	bt	$5, %ecx		# VMX
	mov	$0x11, %al
	jc	report
	mov	$0x12, %al
report:
	out	%al, $0xf4
	hlt
	jmp	report
