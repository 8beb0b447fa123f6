/* Where things are in a nested guest's memory. Shared by the host side, the guest programs and their linker script. */
#ifndef LAYOUT_H
#define LAYOUT_H

#define PAGE 0x1000

/* Low memory: one slot that holds everything a guest program needs to run, and is never taken away. */
#define LOW_SIZE 0x70000
#define GUEST_CODE 0x1000 /* programs are linked to run here */
#define GUEST_SHARED 0xf000 /* one page for all vCPUs, written by the host */
#define GUEST_BOARDS 0x10000 /* one page for each vCPU, shared with the host: its orders and its counts */
#define GUEST_STACKS 0x20000 /* one page for each vCPU */
#define SMM_BASE 0x30000 /* where a vCPU's SMBASE points after reset */
#define SMM_ENTRY (SMM_BASE + 0x8000)
#define SMM_COUNT (SMM_BASE + 0x4000) /* a 32-bit count of the SMIs taken */
#define GUEST_TABLES 0x40000 /* page tables of guests that turn paging on (lib/paging.h) */
#define GUEST_VMCBS 0x50000 /* one page for each vCPU, of guests that have guests */
#define GUEST_HSAVES 0x60000 /* the same, where the processor keeps a hypervisor's state */
#define MAX_VCPUS 16 /* that boards and stacks have room for */

/* What the guest programs work on. */
#define GUEST_DATA 0x100000

/* Ports by which a guest leaves. */
#define PORT_REPORT 0x10 /* a stretch of work is done; look at my board, then let me go on */
#define PORT_WRONG 0x11 /* I have seen what must not be; it is written on my board */

#endif
