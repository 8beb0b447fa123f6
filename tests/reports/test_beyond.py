"""Complaints that the conventions open no report for, and that they give way to those of the conventions."""

import pytest

from rig.reports.parse import parse
from tests.reports.logs import QUIET, WARNING, console

TRACE = """RIP: 0010:kvm_culprit+0x10/0x20
Call Trace:
 <TASK>
 kvm_spin+0x1/0x2
 vfs_ioctl+0x1/0x2
 do_syscall_64+0x38/0x90
 </TASK>
"""
LOCKUP = f"NMI watchdog: Watchdog detected hard LOCKUP on cpu 1\n{TRACE}"
SLAB = """=============================================================================
BUG kvm_mmu_page_header (Tainted: G    B W         ): Poison overwritten
-----------------------------------------------------------------------------
0xffff888105c37720-0xffff888105c37727 @offset=1824. First byte 0x0 instead of 0x6b
"""
LEAK = """kmemleak: unreferenced object 0xffff888105c37720 (size 64):
kmemleak:   comm "churn", pid 101, jiffies 4294940000
kmemleak:   hex dump (first 32 bytes):
kmemleak:     00 00 00 00 00 00 00 00  ........
kmemleak:   backtrace:
kmemleak:     [<00000000fdaaa835>] kmalloc_trace+0x26/0x50
kmemleak:     [<00000000fdaaa836>] kvm_culprit+0x3d/0x50
"""
REFCOUNT = "refcount_t: underflow; use-after-free.\n"
LIST = "list_del corruption. prev->next should be ffff888105c37720, but was ffff888105c37000\n"

CASES = [
    (LOCKUP, "BUG: hard lockup in kvm_spin", "HANG"),
    (
        "mce: [Hardware Error]: CPU 0: Machine Check Exception: 5 Bank 4: b200000000070f0f\n",
        "machine check exception",
        "HARDWARE",
    ),
    ("mce: [Hardware Error]: Machine check events logged\n", "machine check events logged", "HARDWARE"),
    (LIST + TRACE, "BUG: corrupted list in kvm_spin", "MEMORY_SAFETY_BUG"),
    (REFCOUNT + TRACE, "WARNING: refcount bug in kvm_culprit", "REFCOUNT_WARNING"),
    (SLAB, "BUG kvm_mmu_page_header: Poison overwritten", "MEMORY_SAFETY_BUG"),
    (
        SLAB.replace("kvm_mmu_page_header", "kmalloc-128"),  # one that the conventions have a header for
        "BUG kmalloc-NUM (Tainted: G B W ): Poison overwritten",
        "",
    ),
    (
        "kmemleak: 3 new suspected memory leaks (see /sys/kernel/debug/kmemleak)\n",
        "kmemleak: new suspected memory leaks",
        "LEAK",
    ),
    (LEAK, "memory leak in kvm_culprit", "LEAK"),
    (f"Oops: 0002 [#1] PREEMPT SMP\n{TRACE}", "Oops in kvm_culprit", "DoS"),
]


def titles(log: bytes) -> list[str]:
    return [report.title for report in parse(log)]


@pytest.mark.parametrize(("text", "title", "kind"), CASES, ids=[title for _, title, _ in CASES])
@pytest.mark.parametrize("caller", ["T101", "", "-"])
def test_a_line_by_itself_opens_a_report(text: str, title: str, kind: str, caller: str) -> None:
    (report,) = parse(QUIET + console(text, caller) + QUIET)
    assert (report.title, report.type, report.corrupted) == (title, kind, False)


@pytest.mark.parametrize(
    ("text", "title"),
    [
        (LOCKUP + "Kernel panic - not syncing: Hard LOCKUP\n" + TRACE, "kernel panic: Hard LOCKUP"),
        (REFCOUNT + WARNING, "WARNING in kvm_mmu_sweep"),
        (LIST + "kernel BUG at lib/list_debug.c:59!\n" + TRACE, "BUG: corrupted list in kvm_spin"),
        (
            "BUG: kernel NULL pointer dereference, address: 0000000000000008\nOops: 0002 [#1] SMP\n" + TRACE,
            "BUG: unable to handle kernel NULL pointer dereference in kvm_culprit",
        ),
    ],
)
def test_it_gives_way_to_a_report_of_the_conventions(text: str, title: str) -> None:
    assert titles(console(text)) == [title]


def test_each_object_that_leaked_is_a_report() -> None:
    one, other = parse(console(LEAK + LEAK.replace("culprit", "other")))
    assert (one.title, other.title) == ("memory leak in kvm_culprit", "memory leak in kvm_other")
    assert [frame.function for frame in one.traces[0].frames] == ["kmalloc_trace", "kvm_culprit"]
    assert (len(one.traces), one.message) == (1, "unreferenced object 0xffff888105c37720 (size 64)")


def test_it_does_not_give_way_to_other_incidents() -> None:
    own = "BUG: corrupted list in kvm_spin"
    assert titles(console(LIST + TRACE) + console(WARNING, "T9")) == [own, "WARNING in kvm_mmu_sweep"]
    assert titles(console(LIST + TRACE) + QUIET * 50 + console(WARNING)) == [own, "WARNING in kvm_mmu_sweep"]


@pytest.mark.parametrize(
    "line",
    [
        "kmemleak: Kernel memory leak detector initialized (mem pool available: 15752)",
        "NMI watchdog: Enabled. Permanently consumes one hw-PMU counter.",
        "mce: [Hardware Error]: TSC 0 ADDR 1234",
        "Machine check exception polling timer started.",
        "Firmware BUG of (some) kind",
        "traps: churn[101] trap int3 ip:401000 sp:7ffd error:0",
        "churn[101]: segfault at 0 ip 0000000000401000 sp 00007ffd error 4 in churn[401000+1000]",
        "Oops, that was close",
    ],
)
def test_what_only_looks_like_it(line: str) -> None:
    assert parse(console(line)) == ()
