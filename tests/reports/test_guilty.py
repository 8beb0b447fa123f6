import pytest
from hypothesis import given
from hypothesis import strategies as st

from rig.model import Location
from rig.reports.guilty import BLAMELESS, culprit


def guilty(lines: list[str]) -> str:
    found = culprit(lines)
    return found.file if found else ""


def test_the_first_file_that_is_not_ignored() -> None:
    assert (
        guilty(
            [
                "BUG: KASAN: use-after-free in kvm_page_put+0x41/0x90",
                " dump_stack_lvl+0x34/0x44 (lib/dump_stack.c:107)",
                " print_report+0x16d/0x4c0 (mm/kasan/report.c:318)",
                " kref_put (./include/linux/kref.h:65) [inline]",
                " kvm_page_put+0x41/0x90 (arch/x86/kvm/mmu/mmu.c:99)",
                " kvm_vm_release+0x21/0x30 (virt/kvm/kvm_main.c:1301)",
            ]
        )
        == "arch/x86/kvm/mmu/mmu.c"
    )


def test_the_first_of_any_kind_if_all_are_ignored() -> None:
    assert guilty([" f ./include/linux/kref.h:65 [inline]", " g+0x1/0x2 lib/refcount.c:28"]) == "include/linux/kref.h"


def test_no_file() -> None:
    assert guilty([]) == ""
    assert guilty(["kvm: 12.c :7 main.c: 5 CPU: 0 x.cc:9 http://a.b/c.d:80"]) == ""


def test_the_warning_itself_counts() -> None:
    assert guilty(["WARNING: CPU: 0 PID: 1 at fs/namei.c:12 f+0x1/0x2", " g (fs/open.c:7)"]) == "fs/namei.c"


@pytest.mark.parametrize(
    "line",
    [
        "hardirqs last  enabled at (1): [<ffff>] f+0x1/0x2 (fs/a.c:1)",
        "softirqs last disabled at (1): f (fs/a.c:1)",
        " #0: ffff (&x){+.+.}-{3:3}, at: f+0x1/0x2 (fs/a.c:1)",
        "#12: fs/a.c:1",
        "Register r3 information: slab fs/a.c:1",
    ],
)
def test_lines_beside_the_point(line: str) -> None:
    assert guilty([line, " g+0x1/0x2 (ipc/b.c:2)"]) == "ipc/b.c"


def test_a_later_file_deeper_in_the_same_place_is_more_to_the_point() -> None:
    def at(*files: str) -> str:
        return guilty([f" f+0x1/0x2 ({file}:1)" for file in files])

    assert at("net/socket.c", "fs/x.c", "net/ipv4/tcp.c", "net/ipv4/netfilter/n.c") == "net/ipv4/netfilter/n.c"
    assert at("net/ipv4/tcp.c", "net/ipv4/udp.c", "net/socket.c", "net/ipv6/a.c") == "net/ipv4/tcp.c"
    assert at("net/ipv4/tcp.c", "net/ipv4x/deep.c") == "net/ipv4/tcp.c"
    assert at("kernel/fork.c", "kernel/sched/core.c") == "kernel/fork.c"


@pytest.mark.parametrize("mark", [" apic_timer_interrupt+0x1/0x2", " el1h_64_irq+0x1/0x2", "Exception stack(0x1)"])
def test_a_stall_is_blamed_below_the_interrupt(mark: str) -> None:
    trace = [" a+0x1/0x2 (drivers/clock.c:1)", mark, " b+0x1/0x2 (virt/kvm/pfncache.c:1)"]
    assert guilty(["INFO: rcu_preempt detected stalls on CPUs/tasks:", *trace]) == "virt/kvm/pfncache.c"
    assert guilty(["rcu: INFO: rcu_sched self-detected stall on CPU", *trace[:2]]) == "drivers/clock.c"
    assert guilty(["BUG: soft lockup", *trace]) == "drivers/clock.c"


@pytest.mark.parametrize("file", ["mm/slub.c", "arch/x86/kernel/unwind_orc.c", "kernel/printk/printk_safe.c", "a/b.h"])
def test_ignored(file: str) -> None:
    assert BLAMELESS.match(file)


@pytest.mark.parametrize("file", ["virt/kvm/kvm_main.c", "mm/slab_common.c", "mm/mmap.c", "fs/lib/x.c", "kernel/x.c"])
def test_not_ignored(file: str) -> None:
    assert not BLAMELESS.match(file)


@given(st.lists(st.text()))
def test_anything_is_survived(lines: list[str]) -> None:
    guilty(lines)


@pytest.mark.parametrize(
    ("line", "function"),
    [
        (" f+0x1/0x2 (fs/a.c:7)", "f"),
        (" f.isra.0+0x1/0x2 [kvm] (fs/a.c:7)", "f.isra.0"),
        ("RIP: 0010:f+0x1/0x2 (fs/a.c:7) <- patched", "f"),
        (" f (fs/a.c:7) [inline]", "f"),
        (" f fs/a.c:7 [inline]", "f"),
        (" <a::B>::f+0x1/0x2 (fs/a.c:7)", "<a::B>::f"),
        ("WARNING: CPU: 0 PID: 1 at fs/a.c:7 f+0x1/0x2", "f"),
        ("kernel BUG at fs/a.c:7!", ""),
    ],
)
def test_the_place_to_blame(line: str, function: str) -> None:
    assert culprit(["RIP: 0", line]) == Location(function=function, file="fs/a.c", line=7)


def test_cost_is_linear_in_lines() -> None:
    """A line is only looked at up to its first 2048 characters, however it is made."""
    assert guilty([" " + "a" * 10_000_000 + " (fs/a.c:7)", " f (fs/b.c:1)"]) == "fs/b.c"
