"""Console logs made up for the tests, as a kernel with CONFIG_PRINTK_CALLER would write them."""

from textwrap import dedent

WARNING = """
    ------------[ cut here ]------------
    WARNING: CPU: 0 PID: 101 at arch/x86/kvm/mmu/mmu.c:1234 kvm_mmu_sweep+0x1f7/0x5a0
    Modules linked in:
    CPU: 0 PID: 101 Comm: churn Not tainted 6.1.192 #1
    Hardware name: QEMU Standard PC (Q35 + ICH9, 2009), BIOS 1.16.2 04/01/2014
    RIP: 0010:kvm_mmu_sweep+0x1f7/0x5a0
    Code: 48 89 df e8 32 5f 00 00 0f 0b
    RSP: 0018:ffff888105c37720 EFLAGS: 00010212
    Call Trace:
     <TASK>
     ? show_regs+0x1/0x2
     kvm_arch_flush+0x12/0x20
     kvm_vm_ioctl+0x100/0x200
     __x64_sys_ioctl+0x91/0xc0
     do_syscall_64+0x38/0x90
     </TASK>
    ---[ end trace 0000000000000000 ]---
"""

KASAN = """
    ==================================================================
    BUG: KASAN: use-after-free in kvm_page_put+0x41/0x90
    Read of size 8 at addr ffff88800d1f2a10 by task churn/101

    CPU: 1 PID: 101 Comm: churn Not tainted 6.1.192 #1
    Call Trace:
     <TASK>
     dump_stack_lvl+0x34/0x44
     print_report+0x16d/0x4c0
     kasan_report+0xad/0x130
     kvm_page_put+0x41/0x90
     kvm_vm_release+0x21/0x30
     </TASK>

    Allocated by task 101:
     kasan_save_stack+0x1e/0x40
     kvm_page_get+0x3a/0x80

    Freed by task 102:
     kasan_save_stack+0x1e/0x40
     kvm_page_free+0x3a/0x80
"""


def console(text: str, caller: str = "T101") -> bytes:
    """Return `text` as printk writes it for one caller; "" for none, None-like "-" for no stamp at all."""
    lines = dedent(text).strip("\n").split("\n")
    if caller == "-":
        return "".join(f"{line}\n" for line in lines).encode()
    middle = f"[{caller:>6}]" if caller else ""
    return "".join(f"[{12 + n / 1000:12.6f}]{middle} {line}\n" for n, line in enumerate(lines)).encode()


QUIET = console(
    """
    Linux version 6.1.192 (gcc 12.2.0) #1 SMP
    Command line: console=ttyS0
    kvm: Nested Virtualization enabled
    Run /init as init process
    """,
    "T1",
)
