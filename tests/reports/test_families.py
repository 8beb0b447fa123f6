"""Each family by a small log of its own: what it is called, of what type, and who is to blame."""

import pytest

from rig.reports.parse import parse
from tests.reports.logs import console

TRACE = """
Call Trace:
 <TASK>
 dump_stack_lvl+0x34/0x44
 {}
 kvm_vm_ioctl+0x100/0x200
 __x64_sys_ioctl+0x91/0xc0
 do_syscall_64+0x38/0x90
 </TASK>
"""
CULPRIT = TRACE.format("kvm_culprit+0x10/0x20")
FAULT = "Oops: 0000 [#1] SMP\nCPU: 0 PID: 101 Comm: churn Not tainted 6.1.192 #1\nRIP: 0010:kvm_culprit+0x10/0x20\n"
LOCKDEP = "6.1.192 #1 Not tainted\n------------------------------------------------------\n"

CASES = [
    # F1: BUG
    (
        "BUG: KASAN: slab-out-of-bounds in kvm_culprit+0x10/0x20\n"
        "Write of size 8 at addr ffff88800d1f2a10 by task churn/9\n" + CULPRIT,
        "KASAN: slab-out-of-bounds Write in kvm_culprit",
        "KASAN-WRITE",
    ),
    (
        "BUG: KASAN: use-after-free in list_del+0x1/0x2\nRead of size 8 at addr ffff88800d1f2a10 by task churn/9\n"
        + CULPRIT,
        "KASAN: use-after-free Read in kvm_culprit",
        "KASAN-USE-AFTER-FREE-READ",
    ),
    (
        "BUG: KASAN: double-free in kfree+0x1/0x2\nFree of addr ffff88800d1f2a10 by task churn/9\n" + CULPRIT,
        "KASAN: invalid-free in kvm_culprit",
        "KASAN-INVALID-FREE",
    ),
    ("BUG: KCSAN: data-race in kvm_a / kvm_b\n", "KCSAN: data-race in kvm_a / kvm_b", "KCSAN-DATARACE"),
    (
        "BUG: KFENCE: out-of-bounds write in kvm_culprit+0x10/0x20\n\n"
        "Out-of-bounds write at 0xffff8880 (1B left of kfence-#17):\n"
        " kvm_culprit+0x10/0x20\n kvm_vm_ioctl+0x1/0x2\n" + CULPRIT,
        "KFENCE: out-of-bounds write in kvm_culprit",
        "KFENCE-WRITE",
    ),
    (
        "BUG: unable to handle page fault for address: ffffed1021e4f4c4\n#PF: supervisor read access in kernel mode\n"
        + FAULT
        + CULPRIT,
        "BUG: unable to handle kernel paging request in kvm_culprit",
        "MEMORY_SAFETY_BUG",
    ),
    (
        "BUG: kernel NULL pointer dereference, address: 0000000000000008\n" + FAULT + CULPRIT,
        "BUG: unable to handle kernel NULL pointer dereference in kvm_culprit",
        "NULL-POINTER-DEREFERENCE",
    ),
    (
        "BUG: spinlock bad magic on CPU#1, churn/101\n lock: 0xffff8881\n" + TRACE.format("_raw_spin_lock+0x1/0x2"),
        "BUG: spinlock bad magic in kvm_vm_ioctl",
        "LOCKDEP",
    ),
    (
        "watchdog: BUG: soft lockup - CPU#1 stuck for 26s! [churn:101]\nRIP: 0010:rep_nop+0x1/0x2\n"
        "Call Trace:\n kvm_culprit+0x10/0x20\n vfs_ioctl+0x1/0x2\n __x64_sys_ioctl+0x1/0x2\n",
        "BUG: soft lockup in kvm_culprit",
        "HANG",
    ),
    (
        "BUG: scheduling while atomic: churn/101/0x00000002\n" + TRACE.format("__schedule_bug+0x1/0x2"),
        "BUG: scheduling while atomic in kvm_vm_ioctl",
        "ATOMIC_SLEEP",
    ),
    (
        "BUG: sleeping function called from invalid context at arch/x86/kvm/mmu/mmu.c:6000\n"
        "in_atomic(): 1, irqs_disabled(): 0, non_block: 0, pid: 101, name: churn\n"
        + TRACE.format("__might_resched+0x1/0x2\n kvm_culprit.cold+0x1/0x2"),
        "BUG: sleeping function called from invalid context in kvm_culprit",
        "ATOMIC_SLEEP",
    ),
    (
        "BUG: using smp_processor_id() in preemptible [00000000] code: churn/101\ncaller is kvm_culprit+0x1/0x2\n"
        + TRACE.format("check_preemption_disabled+0x1/0x2"),
        "BUG: using smp_processor_id() in preemptible code in kvm_vm_ioctl",
        "LOCKDEP",
    ),
    (
        'BUG: memory leak\nunreferenced object 0xffff88810 (size 64):\n  comm "churn", pid 101\n  backtrace:\n'
        "    [<00000000a1b2c3d4>] kmalloc_trace+0x1/0x2\n    [<00000000a1b2c3d4>] kvm_culprit+0x1/0x2\n",
        "memory leak in kvm_culprit",
        "LEAK",
    ),
    ("BUG: Bad rss-counter state mm:ffff8881 type:MM_ANONPAGES val:2\n", "BUG: Bad rss-counter state", ""),
    # F2: WARNING
    (
        "WARNING: CPU: 0 PID: 101 at arch/x86/kvm/mmu/mmu.c:1234 kvm_culprit+0x1f7/0x5a0\n" + FAULT + CULPRIT,
        "WARNING in kvm_culprit",
        "WARNING",
    ),
    (
        "refcount_t: underflow; use-after-free.\n"
        "WARNING: CPU: 0 PID: 101 at lib/refcount.c:28 refcount_warn_saturate+0x13c/0x1b0\n"
        "RIP: 0010:refcount_warn_saturate+0x13c/0x1b0\n" + CULPRIT,
        "WARNING: refcount bug in kvm_culprit",
        "REFCOUNT_WARNING",
    ),
    (
        "======================================================\n"
        "WARNING: possible circular locking dependency detected\n" + LOCKDEP + "churn/101 is trying to acquire lock:\n"
        "ffff8881 (&kvm->lock){+.+.}-{3:3}, at: kvm_culprit+0x10/0x20\n\nbut task is already holding lock:\n"
        "ffff8882 (&vcpu->mutex){+.+.}-{3:3}, at: kvm_vcpu_ioctl+0x1/0x2\n\nstack backtrace:\n" + CULPRIT,
        "possible deadlock in kvm_culprit",
        "LOCKDEP",
    ),
    (
        "WARNING: possible recursive locking detected\n" + LOCKDEP + "churn/101 is trying to acquire lock:\n"
        "ffff8881 (&kvm->lock){+.+.}-{3:3}, at: kvm_culprit+0x10/0x20\n\nstack backtrace:\n" + CULPRIT,
        "possible deadlock in kvm_culprit",
        "LOCKDEP",
    ),
    (
        "WARNING: possible irq lock inversion dependency detected\n"
        + LOCKDEP
        + "churn/101 just changed the state of lock:\n"
        "ffff8881 (&kvm->lock){+.+.}-{3:3}, at: kvm_culprit+0x10/0x20\n" + CULPRIT,
        "possible deadlock in kvm_culprit",
        "LOCKDEP",
    ),
    (
        "WARNING: SOFTIRQ-safe -> SOFTIRQ-unsafe lock order detected\n"
        + LOCKDEP
        + "and this task is already holding:\n"
        "which would create a new lock dependency:\n\nbut this new dependency connects a SOFTIRQ-irq-safe lock:\n"
        "... which became SOFTIRQ-irq-safe at:\n  lock_acquire+0x1/0x2\n  kvm_culprit+0x1/0x2\nstack backtrace:\n"
        + CULPRIT,
        "possible deadlock in kvm_culprit",
        "LOCKDEP",
    ),
    (
        "WARNING: inconsistent lock state\n" + LOCKDEP + "inconsistent {SOFTIRQ-ON-W} -> {IN-SOFTIRQ-W} usage.\n"
        "churn/101 [HC0[0]:SC1[1]:HE1:SE0] takes:\nffff8881 (&kvm->lock){+.?.}-{2:2}, at: kvm_other+0x1/0x2\n"
        + CULPRIT,
        "inconsistent lock state in kvm_culprit",
        "LOCKDEP",
    ),
    (
        "WARNING: suspicious RCU usage\n"
        + LOCKDEP
        + "arch/x86/kvm/mmu/mmu.c:1234 suspicious rcu_dereference_check() usage!\n"
        + TRACE.format("lockdep_rcu_suspicious+0x1/0x2\n kvm_culprit+0x1/0x2"),
        "WARNING: suspicious RCU usage in kvm_culprit",
        "LOCKDEP",
    ),
    (
        "WARNING: bad unlock balance detected!\n" + LOCKDEP + "churn/101 is trying to release lock (&kvm->lock) at:\n"
        "[<ffffffff81000000>] kvm_culprit+0x1/0x2\nbut there are no more locks to release!\n" + CULPRIT,
        "WARNING: bad unlock balance in kvm_culprit",
        "LOCKDEP",
    ),
    (
        "WARNING: held lock freed!\n"
        + LOCKDEP
        + "churn/101 is freeing memory ffff8881-ffff8882, with a lock still held there!\n"
        "ffff8881 (&kvm->lock){+.+.}-{3:3}, at: kvm_culprit+0x1/0x2\n" + CULPRIT,
        "WARNING: held lock freed in kvm_culprit",
        "LOCKDEP",
    ),
    (
        "WARNING: lock held when returning to user space!\n"
        + LOCKDEP
        + "churn/101 is leaving the kernel with locks still held!\n1 lock held by churn/101:\n"
        " #0: ffff8881 (&kvm->lock){+.+.}-{3:3}, at: kvm_culprit+0x1/0x2\n",
        "WARNING: lock held when returning to user space in kvm_culprit",
        "LOCKDEP",
    ),
    ("WARNING: stack recursion on stack type 4\n", "WARNING: stack recursion on stack type NUM", "WARNING"),
    (
        "rust_kernel: panicked at drivers/kvm.rs:12:5:\nattempt to add with overflow\n"
        "Call Trace:\n <TASK>\n _RNvCscSpY9Juk0HT_7___rustc17rust_begin_unwind+0x1/0x2\n"
        " _RNvNtCs1234_4core9panicking5panic+0x1/0x2\n _RNvNtCs1234_3kvm4page3put+0x1/0x2\n kvm_vm_ioctl+0x1/0x2\n",
        "attempt to add with overflow in kvm::page::put",
        "",
    ),
    # F3: INFO
    (
        "INFO: task churn:101 blocked for more than 143 seconds.\n      Not tainted 6.1.192 #1\n"
        "task:churn state:D stack:27560 pid:101 ppid:100 flags:0x00000000\n"
        "Call Trace:\n <TASK>\n __schedule+0x1/0x2\n schedule+0x1/0x2\n mutex_lock_nested+0x1/0x2\n"
        " kvm_culprit+0x1/0x2\n",
        "INFO: task hung in kvm_culprit",
        "HANG",
    ),
    (
        "rcu: INFO: rcu_preempt self-detected stall on CPU\nrcu: 	0-....: (10499 ticks this GP)\n"
        "Call Trace:\n <IRQ>\n rcu_sched_clock_irq+0x1/0x2\n </IRQ>\n asm_sysvec_apic_timer_interrupt+0x1/0x2\n"
        "RIP: 0010:kvm_spinner+0x1/0x2\n kvm_culprit+0x1/0x2\n vfs_ioctl+0x1/0x2\n",
        "INFO: rcu detected stall in kvm_culprit",
        "HANG",
    ),
    ("INFO: something nobody knows\n", "INFO: something nobody knows", ""),
    # F4: the rest
    (
        "general protection fault, probably for non-canonical address 0xdffffc0000000001: 0000 [#1] SMP KASAN\n"
        + FAULT
        + CULPRIT,
        "general protection fault in kvm_culprit",
        "DoS",
    ),
    (
        "Unable to handle kernel paging request at virtual address ffff800012345678\npc : kvm_culprit+0x1/0x2\n"
        "lr : kvm_other+0x1/0x2\nCall trace:\n kvm_culprit+0x1/0x2\n kvm_vm_ioctl+0x1/0x2\n",
        "BUG: unable to handle kernel paging request in kvm_culprit",
        "MEMORY_SAFETY_BUG",
    ),
    (
        "kernel BUG at arch/x86/kvm/mmu/mmu.c:1234!\ninvalid opcode: 0000 [#1] SMP\n" + FAULT + CULPRIT,
        "kernel BUG in kvm_culprit",
        "BUG",
    ),
    (
        "list_del corruption. prev->next should be ffff8881\nkernel BUG at lib/list_debug.c:59!\n"
        "invalid opcode: 0000 [#1] SMP\n"
        "RIP: 0010:__list_del_entry_valid+0x1/0x2\n"
        + TRACE.format("__list_del_entry_valid+0x1/0x2\n kvm_culprit+0x1/0x2"),
        "BUG: corrupted list in kvm_culprit",
        "MEMORY_SAFETY_BUG",
    ),
    ("divide error: 0000 [#1] SMP\n" + FAULT + CULPRIT, "divide error in kvm_culprit", "DoS"),
    (
        "UBSAN: shift-out-of-bounds in arch/x86/kvm/mmu/mmu.c:12:3\nshift exponent 64 is too large\n"
        + TRACE.format("ubsan_epilogue+0x1/0x2\n kvm_culprit+0x1/0x2"),
        "UBSAN: shift-out-of-bounds in kvm_culprit",
        "UBSAN",
    ),
    (
        "Kernel panic - not syncing: Attempted to kill init! exitcode=0x0000000b\n" + CULPRIT,
        "kernel panic: Attempted to kill init!",
        "DoS",
    ),
    (
        "unregister_netdevice: waiting for lo to become free. Usage count = 3\n",
        "unregister_netdevice: waiting for lo to become free",
        "DoS",
    ),
]


@pytest.mark.parametrize(("text", "title", "kind"), CASES, ids=[title for _, title, _ in CASES])
def test_title_type_and_frame(text: str, title: str, kind: str) -> None:
    report = parse(console(text))[0]
    assert (report.title, report.type) == (title, kind)
    assert not report.corrupted, report.corrupted_reason


@pytest.mark.parametrize(("text", "title", "kind"), CASES, ids=[title for _, title, _ in CASES])
@pytest.mark.parametrize("caller", ["", "C1", "-"])
def test_the_printk_prefix_changes_nothing(text: str, title: str, kind: str, caller: str) -> None:
    report = parse(console(text, caller))[0]
    assert (report.title, report.type) == (title, kind)


@pytest.mark.parametrize(
    "line",
    [
        "INFO: lockdep is turned off.",
        "INFO: NMI handler (perf_event_nmi_handler) took too long to run: 1.234 msecs",
        "WARNING: /etc/ssh/moduli does not exist, using fixed modulus",
        "traps: churn[101] general protection fault ip:401000 sp:7ffd error:0 in churn[401000+1000]",
        "DEBUG: nothing to see",
        "Bug report: none",
    ],
)
def test_what_only_looks_like_a_report(line: str) -> None:
    assert parse(console(line)) == ()


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("Kernel panic - not syncing: Fatal exception\n" + CULPRIT, "kernel panic: Fatal exception"),
        ("BUG:\n" + CULPRIT, "BUG: corrupted"),
        ("BUG: kernel NULL pointer dereference, address: 0000000000000008\n", "NULL pointer dereference in corrupted"),
        ("WARNING: suspicious RCU usage\n6.1.192 #1 Not tainted\n", "WARNING: suspicious RCU usage"),
    ],
)
def test_half_a_report_is_corrupted(text: str, title: str) -> None:
    report = parse(console(text))[0]
    assert report.title.endswith(title)
    assert report.corrupted
