"""What reports say in words, as fields."""

from dataclasses import replace
from textwrap import dedent

import pytest

from rig.model import Access, Lock
from rig.reports.details import access, locks, message


def lines(text: str) -> list[str]:
    return dedent(text).strip("\n").split("\n")


# ---- access


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (
            """
            BUG: KASAN: slab-out-of-bounds in kvm_culprit+0x10/0x20
            Write of size 8 at addr ffff88800d1f2a10 by task churn/9

            The buggy address belongs to the object at ffff88800d1f2a00
             which belongs to the cache kmalloc-64 of size 64
            The buggy address is located 0 bytes to the right of
             allocated 60-byte region [ffff88800d1f2a00, ffff88800d1f2a3c)
            """,
            Access(
                kind="write",
                size=8,
                address="ffff88800d1f2a10",
                task="churn/9",
                cache="kmalloc-64",
                object_size=60,
                where="0 bytes to the right of",
            ),
        ),
        (
            """
            BUG: KASAN: double-free in kvm_culprit+0x10/0x20
            Free of addr ffff88800d1f2a10 by task kworker/u4:2/58
             which belongs to the cache kvm_mmu_page_header of size 184
            The buggy address is located 16 bytes inside of
             184-byte region [ffff88800d1f2a00, ffff88800d1f2ab8)
            """,
            Access(
                kind="free",
                address="ffff88800d1f2a10",
                task="kworker/u4:2/58",
                cache="kvm_mmu_page_header",
                object_size=184,
                where="16 bytes inside of",
            ),
        ),
        (
            """
            BUG: KASAN: use-after-free in kvm_culprit+0x10/0x20 at addr ffff88800d1f2a10
            Read of size 4 by task churn/9
            """,
            Access(kind="read", size=4, address="ffff88800d1f2a10", task="churn/9"),
        ),
        (
            """
            BUG: KASAN: global-out-of-bounds in kvm_culprit+0x10/0x20
            Read of size 1 at addr ffffffff83ac678c by task sh/37

            The buggy address belongs to the variable:
             kvm_table+0xc/0x20
            """,
            Access(
                kind="read", size=1, address="ffffffff83ac678c", task="sh/37", where="the variable kvm_table+0xc/0x20"
            ),
        ),
        (
            """
            BUG: KFENCE: out-of-bounds read in kvm_culprit+0x10/0x20

            Out-of-bounds read at 0xffff8c3f2e291fff (1B left of kfence-#72):
             kvm_culprit+0x10/0x20

            kfence-#72: 0xffff8c3f2e292000-0xffff8c3f2e29201f, size=32, cache=kmalloc-32
            CPU: 0 PID: 101 Comm: churn Not tainted 6.1.192 #1
            """,
            Access(
                kind="read",
                address="ffff8c3f2e291fff",
                task="churn/101",
                cache="kmalloc-32",
                object_size=32,
                where="1B left of",
            ),
        ),
        (
            """
            BUG: unable to handle page fault for address: ffffed1021e4f4c4
            #PF: supervisor write access in kernel mode
            #PF: error_code(0x0002) - not-present page
            CPU: 0 UID: 0 PID: 101 Comm: churn Not tainted 6.12.1 #1
            """,
            Access(kind="write", address="ffffed1021e4f4c4", task="churn/101"),
        ),
        (
            """
            BUG: kernel NULL pointer dereference, address: 0000000000000008
            #PF: supervisor instruction fetch in kernel mode
            """,
            Access(kind="execute", address="0000000000000008"),
        ),
        (
            "BUG: unable to handle kernel paging request at ffffed1021e4f4c4\nOops: 0002 [#1] SMP",
            Access(kind="write", address="ffffed1021e4f4c4"),
        ),
        (
            """
            general protection fault, probably for non-canonical address 0xdffffc0000000001: 0000 [#1] SMP KASAN
            KASAN: null-ptr-deref in range [0x0000000000000008-0x000000000000000f]
            """,
            Access(kind="", address="0000000000000008"),
        ),
        (
            """
            Unable to handle kernel paging request at virtual address ffff800012345678
              CM = 0, WnR = 1
            """,
            Access(kind="write", address="ffff800012345678"),
        ),
        (
            "BUG: Kernel NULL pointer dereference on read at 0x00000010",
            Access(kind="read", address="00000010"),
        ),
        (
            """
            BUG kmalloc-96 (Tainted: G    B             ): Right Redzone overwritten
            -----------------------------------------------------------------------------

            0xffff888105c37720-0xffff888105c37727 @offset=1824. First byte 0x0 instead of 0xcc
            """,
            Access(kind="write", address="ffff888105c37720", cache="kmalloc-96"),
        ),
        (
            "BUG kmalloc-96 (Not tainted): Object already free",
            Access(kind="free", cache="kmalloc-96"),
        ),
        (
            "BUG: KCSAN: data-race in a / b\n\nread-write to 0xffff88810 of 8 bytes by task 12 on cpu 1:",
            Access(kind="write", size=8, address="ffff88810"),
        ),
        (
            "UBSAN: array-index-out-of-bounds in arch/x86/kvm/x86.c:12:3\nindex 5 is out of range for type 'u32 [4]'",
            Access(kind="", where="index 5 is out of range for type 'u32 [4]'"),
        ),
    ],
)
def test_access(text: str, found: Access) -> None:
    assert access(lines(text)) == found


def test_a_report_about_no_access() -> None:
    assert access(["WARNING: CPU: 0 PID: 1 at a.c:1 b+0x1/0x2", "CPU: 0 PID: 1 Comm: x Not tainted"]) is None
    assert access([]) is None


# ---- locks

CIRCULAR = """
    WARNING: possible circular locking dependency detected
    6.1.192 #7 Not tainted
    ------------------------------------------------------
    churn/43 is trying to acquire lock:
    ffa00000002a9018 (&(kvm)->mmu_lock){++++}-{2:2}, at: kvm_put+0x4e/0xf0

    but task is already holding lock:
    ffa00000002b3238 (&kvm->arch.pages_lock/1){+.+.}-{2:2}, at: kvm_put+0x46/0xf0

    which lock already depends on the new lock.

    the existing dependency chain (in reverse order) is:

    -> #2 (&kvm->arch.pages_lock/1){+.+.}-{2:2}:
           _raw_spin_lock+0x27/0x40
           kvm_get+0x381/0x680

    -> #1 ((work_completion)(&k->work)){+.+.}-{0:0}:
           __flush_work+0x27/0x40
           kvm_stop+0x381/0x680

    -> #0 (&(kvm)->mmu_lock){++++}-{2:2}:
           __lock_acquire+0x2aba/0x6180
           kvm_put+0x4e/0xf0

    Chain exists of:
      &(kvm)->mmu_lock --> (work_completion)(&k->work) --> &kvm->arch.pages_lock/1

    2 locks held by churn/43:
     #0: ffa0 (&vcpu->mutex){+.+.}-{3:3}, at: kvm_vcpu_ioctl+0x1/0x2
     #1: ffa0 (&kvm->arch.pages_lock/1){+.+.}-{2:2}, at: kvm_put+0x46/0xf0
"""
WANTED = Lock(name="&kvm->lock", usage="{+.+.}-{3:3}", site="kvm_a")
HELD = Lock(name="&x", usage="{+.?.}-{2:2}", site="kvm_b", held=True)


def test_a_circular_dependency_with_its_chain() -> None:
    assert locks(lines(CIRCULAR)) == (
        Lock(name="&(kvm)->mmu_lock", usage="{++++}-{2:2}", site="kvm_put"),
        Lock(name="&kvm->arch.pages_lock/1", usage="{+.+.}-{2:2}", site="kvm_put", held=True),
        Lock(name="&kvm->arch.pages_lock/1", usage="{+.+.}-{2:2}", site="kvm_get"),
        Lock(name="(work_completion)(&k->work)", usage="{+.+.}-{0:0}", site="kvm_stop"),
    )


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (
            """
            WARNING: possible recursive locking detected
            churn/1 is trying to acquire lock:
            ffff8881 (&kvm->lock){+.+.}-{3:3}, at: kvm_a+0x10/0x20

            but task is already holding lock:
            ffff8882 (&x){+.?.}-{2:2}, at: kvm_b+0x10/0x20
            """,
            (WANTED, HELD),
        ),
        (
            """
            WARNING: possible recursive locking detected
            churn/1 is trying to acquire lock:
            ffff8882 (&x){+.?.}-{2:2}, at: kvm_b+0x10/0x20
            but task is already holding lock:
            ffff8882 (&x){+.?.}-{2:2}, at: kvm_b+0x20/0x20
            """,
            (replace(HELD, held=False), HELD),
        ),
        (
            """
            WARNING: possible irq lock inversion dependency detected
            churn/1 just changed the state of lock:
            ffff8881 (&kvm->lock){+.+.}-{3:3}, at: kvm_a+0x10/0x20
            but this lock took another, SOFTIRQ-unsafe lock in the past:
             (&y){+.+.}-{2:2}

            the shortest dependencies between 2nd lock and 1st lock:
             -> (&y){+.+.}-{2:2} {
                HARDIRQ-ON-W at:
                                  kvm_other+0x10/0x20
              }
              ... key      at: [<ffffffff8283b218>] y+0x18/0x60
              ... acquired at:
               _raw_spin_lock+0x2a/0x40
               kvm_c+0x10/0x20
            """,
            (WANTED, Lock(name="&y", usage="{+.+.}-{2:2}", site="kvm_c")),
        ),
        (
            """
            WARNING: SOFTIRQ-safe -> SOFTIRQ-unsafe lock order detected
            churn/1 [HC0[0]:SC0[2]:HE1:SE0] is trying to acquire:
            ffff8881 (&kvm->lock){+.+.}-{3:3}, at: kvm_a+0x10/0x20

            and this task is already holding:
            ffff8882 (&x){+.?.}-{2:2}, at: kvm_b+0x10/0x20
            which would create a new lock dependency:
             (&x){+.?.}-{2:2} -> (&kvm->lock){+.+.}-{3:3}

            but this new dependency connects a SOFTIRQ-irq-safe lock:
             (&x){+.?.}-{2:2}

            ... which became SOFTIRQ-irq-safe at:
            to a SOFTIRQ-irq-unsafe lock:
             (&y){+.+.}-{2:2}
            """,
            (WANTED, HELD, Lock(name="&y", usage="{+.+.}-{2:2}")),
        ),
        (
            """
            WARNING: inconsistent lock state
            inconsistent {SOFTIRQ-ON-W} -> {IN-SOFTIRQ-W} usage.
            churn/1 [HC0[0]:SC1[1]:HE1:SE0] takes:
            ffff8881 (&kvm->lock){+.+.}-{3:3}, at: kvm_a+0x1/0x2
            """,
            (WANTED,),
        ),
        (
            """
            WARNING: bad unlock balance detected!
            churn/1 is trying to release lock (&kvm->lock) at:
            [<ffffffff81000000>] kvm_a+0x1/0x2
            but there are no more locks to release!
            """,
            (Lock(name="&kvm->lock", site="kvm_a"),),
        ),
        (
            """
            WARNING: held lock freed!
            churn/1 is freeing memory ffff8881-ffff8882, with a lock still held there!
            ffff8882 (&x){+.?.}-{2:2}, at: [<ffffffff81000000>] kvm_b+0x1/0x2
            """,
            (HELD,),
        ),
        (
            """
            BUG: Invalid wait context ]
            churn/1 is trying to lock:
            ffff8881 (&kvm->lock){+.+.}-{3:3}, at: kvm_a+0x1/0x2
            other info that might help us debug this:
            context-{5:5}
            1 lock held by churn/1:
             #0: ffff8882 (&x){+.?.}-{2:2}, at: kvm_b+0x1/0x2
            """,
            (WANTED, HELD),
        ),
        (
            """
            WARNING: lock held when returning to user space!
            churn/1 is leaving the kernel with locks still held!
            1 lock held by churn/1:
             #0: ffff8882 (&x){+.?.}-{2:2}, at: kvm_b+0x1/0x2
            """,
            (HELD,),
        ),
        (
            """
            INFO: task churn:101 blocked for more than 143 seconds.

            Showing all locks held in the system:
            1 lock held by khungtaskd/26:
             #0: ffff8882 (rcu_read_lock){....}-{1:2}, at: debug_show_all_locks+0x1/0x2
            """,
            (),
        ),
    ],
)
def test_locks(text: str, found: tuple[Lock, ...]) -> None:
    assert locks(lines(text)) == found


# ---- message

CUT = "------------[ cut here ]------------"


@pytest.mark.parametrize(
    ("above", "own", "said"),
    [
        ([CUT, "refcount_t: underflow; use-after-free."], ["WARNING: a"], "refcount_t: underflow; use-after-free."),
        ([CUT, "words of any WARN()"], ["WARNING: a"], "words of any WARN()"),
        (["list_del corruption. x->next is y", CUT], ["kernel BUG at a"], "list_del corruption. x->next is y"),
        (["something before", CUT], ["WARNING: a"], ""),
        (["something before"], ["WARNING: a"], ""),
        (
            ["mce: [Hardware Error]: CPU 1: Machine Check Exception: 5", "mce: [Hardware Error]: TSC 0"],
            ["Kernel panic - not syncing: Fatal local machine check"],
            "CPU 1: Machine Check Exception: 5",
        ),
        ([CUT, "words", "WARNING: a"], ["invalid opcode: 0000"], ""),
        ([], ["BUG kmalloc-64 (Not tainted): Poison overwritten"], "Poison overwritten"),
        ([], ["watchdog: BUG: soft lockup - CPU#1 stuck for 26s! [churn:9]"], "CPU#1 stuck for 26s! [churn:9]"),
        ([], ["NMI watchdog: Watchdog detected hard LOCKUP on cpu 1"], "hard LOCKUP on cpu 1"),
        ([], ["BUG: workqueue lockup - pool cpus=0 stuck for 32s!"], "pool cpus=0 stuck for 32s!"),
        ([], ["INFO: task churn:9 blocked for more than 1 seconds."], "churn:9 blocked for more than 1 seconds."),
        ([], ["rcu: INFO: rcu_preempt self-detected stall on CPU"], "rcu_preempt self-detected stall on CPU"),
        ([], ["kmemleak: 3 new suspected memory leaks (see /x)"], "3 new suspected memory leaks"),
        (
            [],
            ["WARNING: suspicious RCU usage", "a.c:1 suspicious rcu_dereference_check() usage!"],
            "a.c:1 suspicious rcu_dereference_check() usage!",
        ),
        (
            [],
            ["UBSAN: shift-out-of-bounds in a.c:1:2", "shift exponent 64 is too large for 32-bit type 'int'"],
            "shift exponent 64 is too large for 32-bit type 'int'",
        ),
    ],
)
def test_message(above: list[str], own: list[str], said: str) -> None:
    assert message(above, own) == said
