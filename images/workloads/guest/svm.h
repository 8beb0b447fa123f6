/* A virtual machine of AMD's SVM, as the hypervisor in a guest sees it: the fields of its control block that we use. */
#ifndef GUEST_SVM_H
#define GUEST_SVM_H

#include <stdint.h>

#define MSR_EFER 0xc0000080
#define EFER_LME (1 << 8)
#define EFER_LMA (1 << 10)
#define EFER_NX (1 << 11)
#define EFER_SVME (1 << 12)
#define MSR_VM_HSAVE_PA 0xc0010117

/* Offsets in the control block. */
enum {
	VMCB_INTERCEPTS = 0x00c, /* CPUID, HLT, … */
	VMCB_INTERCEPTS_SVM = 0x010, /* the instructions of SVM */
	VMCB_ASID = 0x058,
	VMCB_EXIT_CODE = 0x070,
	VMCB_NESTED_PAGING = 0x090,
	VMCB_NESTED_CR3 = 0x0b0,
	VMCB_ES = 0x400, /* then CS, SS, DS: selector, attributes, limit, base */
	VMCB_CS = 0x410,
	VMCB_SS = 0x420,
	VMCB_DS = 0x430,
	VMCB_EFER = 0x4d0,
	VMCB_CR4 = 0x548,
	VMCB_CR3 = 0x550,
	VMCB_CR0 = 0x558,
	VMCB_DR7 = 0x560,
	VMCB_DR6 = 0x568,
	VMCB_RFLAGS = 0x570,
	VMCB_RIP = 0x578,
	VMCB_RSP = 0x5d8,
	VMCB_PAT = 0x668,
};

#define INTERCEPT_CPUID (1u << 18)
#define INTERCEPT_HLT (1u << 24)
#define INTERCEPT_SHUTDOWN (1u << 31)
#define INTERCEPT_VMRUN (1u << 0) /* must be */
#define INTERCEPT_VMMCALL (1u << 1)

#define EXIT_CPUID 0x72
#define EXIT_HLT 0x78
#define EXIT_VMMCALL 0x81

#define SEGMENT_CODE 0xc9b /* present, 32 bits, in pages */
#define SEGMENT_DATA 0xc93

/* Run until the next exit. The guest's guest has its own stack, and does with the other registers what it likes. */
static inline void vmrun(uint32_t vmcb)
{
	__asm__ volatile("pushal\n\tvmrun %%eax\n\tpopal\n\tstgi" : : "a"(vmcb) : "memory", "cc");
}

#endif
