import pytest

from rig.reports import families, frames, skips
from rig.reports.rules import Pick, Skips, row


@pytest.mark.parametrize(
    ("line", "names"),
    [
        (" kvm_put+0x1/0x2", ("kvm_put",)),
        (" kvm_put.isra.0+0x1/0x2 [kvm]", ("kvm_put",)),
        (" kvm_put.cold+0x1/0x2", ("kvm_put",)),
        (" __pfx_kvm_put+0x0/0x10", ("__pfx_kvm_put",)),
        (" _RNvNtCs1234_4core3ptr4read+0x1/0x2", ("core::ptr::read",)),
        (" _RNvNtCs1234_4core3ptr4read.llvm.1234+0x1/0x2", ("core::ptr::read",)),
        (" _ZN4core3ptr4read17h0123456789abcdefE+0x1/0x2 [rust_kvm]", ("core::ptr::read",)),
        (" _ZN3kvm4Page3putEv.isra.0+0x1/0x2", ("kvm::Page::put",)),
        ("       kvm_put+0x1/0x2 (P)", ("kvm_put",)),
        ("kvm_put mm/a.c:12 [inline]", ()),
        (" ? kvm_put+0x1/0x2", ()),
        (" [<ffffffff81000000>] kvm_put+0x1/0x2", ("kvm_put",)),
        ("[c000000001bb3530] [c000000001bb35a0] kvm_put+0x1/0x2", ("kvm_put",)),
        (" [<c0101010>] (kvm_put) from [<c0101011>] (kvm_get+0x1/0x2)", ("kvm_put", "kvm_get")),
        (" [<     inline     >] kvm_put arch/x86/kvm/mmu.c:12", ()),
        (" <TASK>", ()),
        ("RSP: 0018:ffff8881 EFLAGS: 00010212", ()),
        (" entry kvm_put+0x1/0x2", ()),
    ],
)
def test_functions_of_a_line(line: str, names: tuple[str, ...]) -> None:
    assert frames.functions(line) == names


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("__x64_sys_ioctl", "sys_ioctl"),
        ("__se_sys_bpf", "bpf"),
        ("ksys_write", "write"),
        ("____sys_recvmsg", "recvmsg"),
        ("sys_", "sys_"),
        ("sysfs_create", "sysfs_create"),
    ],
)
def test_syscall_wrappers(name: str, short: str) -> None:
    assert frames.strip_syscall(name) == short


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("RIP: 0010:kvm_put+0x1/0x2", ("kvm_put",)),
        ("RIP: 0010:[<ffffffff81000000>]  [<ffffffff81000000>] kvm_put+0x1/0x2", ("kvm_put",)),
        ("pc : kvm_put+0x1/0x2", ("kvm_put",)),
        ("PC is at kvm_put+0x1/0x2", ("kvm_put",)),
        ("NIP [c000000000001000] kvm_put+0x1/0x2", ("kvm_put",)),
        ("RIP: 0033:0x43eafa", (None,)),
        ("RIP: 0010:          (null)", (None,)),
        ("NIP:  c000000000001000 LR: c000000000002000 CTR: 0000000000000000", None),
        ("IP added to the pool", None),
        ("pc : [<c0101010>]    lr : [<c0101011>]    psr: 60000013", None),
    ],
)
def test_the_instruction_pointer(line: str, names: tuple[str | None, ...] | None) -> None:
    match = families.IP.pattern.search(line)
    assert (match and match.groups()) == names


def chosen(pick: Pick, *names: str) -> tuple[str, str]:
    how = row("x", "x in {frame}", frame=families.CALLED, pick=pick)
    found = frames.blame(how, ["Call Trace:", *(f" {name}+0x1/0x2" for name in names)], "")
    return found.frame, found.full


@pytest.mark.parametrize(
    ("names", "frame"),
    [
        (("rep_nop", "kvm_spin", "vfs_ioctl", "do_syscall_64"), "kvm_spin"),
        (("__x64_sys_futex", "do_syscall_64"), "sys_futex"),
        (("do_syscall_64",), "do_syscall_64"),
        (("csd_wait", "smp_call_function_many", "kvm_flush"), "smp_call_function"),
        (("kvm_spin", "kvm_more"), frames.NO_FRAME),
    ],
)
def test_a_stall_is_what_an_entry_point_called(names: tuple[str, ...], frame: str) -> None:
    assert chosen(Pick.STALL, *names)[0] == frame


@pytest.mark.parametrize(
    ("names", "frame"),
    [
        (("__schedule", "schedule", "schedule_timeout", "kvm_wait_for", "kvm_stop"), "kvm_stop"),
        (("__schedule", "rtnl_lock", "kvm_stop"), "rtnl_lock"),
        (("__schedule", "synchronize_srcu", "kvm_stop"), "synchronize_rcu"),
        (("__schedule", "synchronize_rcu_expedited", "rtnl_lock"), "synchronize_rcu"),
    ],
)
def test_a_hang_is_who_waits_or_what_everybody_waits_for(names: tuple[str, ...], frame: str) -> None:
    assert chosen(Pick.HANG, *names)[0] == frame


def test_nobody_blames_a_helper() -> None:
    assert (
        chosen(Pick.FIRST, "dump_stack_lvl", "kasan_report", "_raw_spin_lock", "memcpy", "kvm_put") == ("kvm_put",) * 2
    )


def test_fault_injection_in_a_trace_is_damage() -> None:
    how = row("x", "x in {frame}", frame=families.CALLED)
    found = frames.blame(how, ["Call Trace:", " kvm_put+0x1/0x2", " should_fail+0x1/0x2", " kvm_get+0x1/0x2"], "")
    assert (found.frame, bool(found.damage)) == ("kvm_put", True)


@pytest.mark.parametrize(
    ("lines", "whole"),
    [
        (["Call Trace:", " <TASK>", " kvm_put+0x1/0x2"], True),
        (["Call Trace:", "(stack is not available)", ""], True),
        (["Call Trace:", "nothing", "of the kind"], False),
        (["Call Trace:", " kvm_put+0x1/0x2"], False),
        (["Call Trace:", "x", "Call Trace:", " kvm_put+0x1/0x2", "x"], False),
        (["Call Trace:", " kvm_put+0x1/0x2", "x", "Call Trace:"], True),
        (["no trace at all"], False),
        (["x Freed by task 12:", " kvm_put+0x1/0x2", "x"], True),
        (["Allocated:", " kvm_put+0x1/0x2", "x", "Allocated by task 1:", "x", "x", "x"], False),
        (["stack backtrace:", "x", "x", "x"], False),
    ],
)
def test_whole_traces(lines: list[str], whole: bool) -> None:
    assert (frames.damage(lines) == "") is whole


def test_words_of_a_skip_list() -> None:
    words = Skips("=down up_ ^kvm_ _end$")
    assert [name in words for name in ("down", "down_read", "do_up_x", "my_kvm_x", "kvm_x", "the_end", "end")] == [
        True, False, True, False, True, True, False,
    ]  # fmt: skip
    assert "anything" not in Skips()
    assert "_raw_spin_lock_irqsave" in skips.BLAMELESS
