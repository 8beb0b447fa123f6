"""The stacks of a report as fields."""

import pytest

from rig.model import Frame, Location, Trace
from rig.reports.traces import frames, own, traces
from tests.reports.logs import KASAN

A = Frame(function="kvm_a", offset=1, size=2)
B = Frame(function="kvm_b", offset=3, size=4)
C = Frame(function="kvm_c", offset=5, size=6)
LINES = {A: " kvm_a+0x1/0x2", B: " kvm_b+0x3/0x4", C: " kvm_c+0x5/0x6"}


def read(text: str) -> list[tuple[str, list[str]]]:
    for frame, line in LINES.items():
        text = text.replace(f"{{{frame.function[-1]}}}", line)
    told = traces(text.split("\n"))
    return [(trace.what, [frame.function for frame in trace.frames]) for trace in told]


def in_file(function: str, file: str, line: int) -> tuple[Location, ...]:
    return (Location(function=function, file=file, line=line),)


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (" kvm_a+0x1/0x2", A),
        ("       kvm_a+0x1/0x2", A),
        (" ? kvm_a+0x1/0x2", Frame(function="kvm_a", offset=1, size=2, reliable=False)),
        ("[c000] [c001] kvm_a+0x1/0x2 (unreliable)", Frame(function="kvm_a", offset=1, size=2, reliable=False)),
        (" [<ffffffff81000000>] ? kvm_a+0x1/0x2", Frame(function="kvm_a", offset=1, size=2, reliable=False)),
        (" <IRQ> [<ffffffff81000000>] kvm_a+0x1/0x2", A),
        ("([<0000000000100c02>] kvm_a+0x1/0x2)", A),
        (" kvm_a+0x1/0x2 (P)", A),
        (" kvm_a.isra.0+0x1f/0x2e [kvm]", Frame(function="kvm_a.isra.0", offset=31, size=46, module="kvm")),
        (" kvm_a.cold+0x1/0x2 [kvm 0123456789abcdef]", Frame(function="kvm_a.cold", offset=1, size=2, module="kvm")),
        (" __pfx_kvm_a+0x0/0x10", Frame(function="__pfx_kvm_a", offset=0, size=16)),
        (
            " kvm_a+0x1/0x2 arch/x86/kvm/mmu/mmu.c:12 [kvm]",
            Frame(function="kvm_a", offset=1, size=2, module="kvm", at=in_file("kvm_a", "arch/x86/kvm/mmu/mmu.c", 12)),
        ),
        (" kvm_a mm/a.c:12 [inline]", Frame(function="kvm_a", inline=True, at=in_file("kvm_a", "mm/a.c", 12))),
        (
            " [<     inline     >] kvm_a mm/a.c:12",
            Frame(function="kvm_a", inline=True, at=in_file("kvm_a", "mm/a.c", 12)),
        ),
        (
            " _RNvNtCs1234_4core3ptr4read+0x1/0x2",
            Frame(function="core::ptr::read", offset=1, size=2),
        ),
        (
            " <kvm::Page as core::Drop>::drop+0x1/0x2",
            Frame(function="<kvm::Page as core::Drop>::drop", offset=1, size=2),
        ),
    ],
)
def test_a_frame(line: str, found: Frame) -> None:
    assert list(frames(line)) == [found]


def test_arm_tells_two_frames_a_line() -> None:
    told = [" [<c0101010>] (kvm_a) from [<c0101011>] (kvm_b+0x3/0x4)", " kvm_b from kvm_c+0x5/0x6"]
    assert read("\n".join(("Backtrace: ", *told))) == [("Backtrace", ["kvm_a", "kvm_b", "kvm_c"])]


@pytest.mark.parametrize(
    "line",
    [
        " <TASK>",
        "hardirqs last enabled at (12): [<ffffffff81000000>] kvm_a+0x1/0x2",
        " entry kvm_a+0x1/0x2",
        "RSP: 0018:ffff8881 EFLAGS: 00010212",
        " kvm_a mm/a.c:12",
        " 0xffffffffc0000000",
    ],
)
def test_no_frame(line: str) -> None:
    assert list(frames(line)) == []


@pytest.mark.parametrize(
    ("start", "what"),
    [
        ("Call Trace:", "Call Trace"),
        ("Call trace:", "Call trace"),
        ("  backtrace (crc 1234abcd):", "backtrace"),
        ("Allocated by task 12:", "Allocated by task 12"),
        ("Freed by task 12 on cpu 1 at 4.567s:", "Freed by task 12"),
        ("Last potentially related work creation:", "Last potentially related work creation"),
        ("BUG: KMSAN: uninit-value in kvm_a+0x1/0x2", "KMSAN"),
        ("Uninit was stored to memory at:", "Uninit was stored to memory at"),
        ("Uninit was created at:", "Uninit was created at"),
        ("Use-after-free read at 0x00000000a86f6a8f (in kfence-#24):", "Use-after-free read"),
        ("allocated by task 507 on cpu 0 at 51.438s:", "allocated by task 507"),
        ("write to 0xffff88810 of 8 bytes by interrupt on cpu 1:", "write"),
        ("-> #1 (&kvm->lock){+.+.}-{3:3}:", "-> #1 (&kvm->lock){+.+.}-{3:3}"),
        ("... which became SOFTIRQ-irq-unsafe at:", "which became SOFTIRQ-irq-unsafe"),
        ("{SOFTIRQ-ON-W} state was registered at:", "{SOFTIRQ-ON-W} state was registered"),
        ("page last free pid 12 tgid 12 stack trace:", "page last free"),
        ("stack backtrace:", "stack backtrace"),
    ],
)
def test_where_a_stack_starts(start: str, what: str) -> None:
    assert read(start + "\n{a}\n{b}\n\n{c}") == [(what, ["kvm_a", "kvm_b"])]


def test_the_instruction_pointer_comes_first_and_once() -> None:
    assert read("RIP: 0010:kvm_b+0x3/0x4\nCode: 48\nCall Trace:\n <TASK>\n{a}\n </TASK>\n{c}") == [
        ("Call Trace", ["kvm_b", "kvm_a"])
    ]
    assert read("pc : kvm_b+0x3/0x4\nlr : kvm_c+0x1/0x2\nCall trace:\n{b}\n{a}\nCode: d0") == [
        ("Call trace", ["kvm_b", "kvm_a"])
    ]
    assert read("RIP: 0010:kvm_b+0x3/0x4\nCode: 48") == [("RIP", ["kvm_b"])]


def test_what_an_interrupt_came_into_is_part_of_the_stack() -> None:
    registers = "Code: 48\nRSP: 0018:ffff8881 EFLAGS: 00010212\nRAX: 0 RBX: 0 RCX: 0\n"
    text = "Call Trace:\n <IRQ>\n{a}\n </IRQ>\nRIP: 0010:kvm_b+0x3/0x4\n" + registers + "{c}\nRIP: 0033:0x43eafa\n{a}"
    assert read(text) == [("Call Trace", ["kvm_a", "kvm_b", "kvm_c"])]


def test_the_stack_of_another_cpu_says_whose_it_is() -> None:
    assert read("NMI backtrace for cpu 1\nRIP: 0010:kvm_a+0x1/0x2\nCall Trace:\n{b}") == [
        ("NMI backtrace for cpu 1", ["kvm_a", "kvm_b"])
    ]


def test_a_stack_without_frames_is_none() -> None:
    assert read("stack backtrace:\nCPU: 0 PID: 1\nCall Trace:\n <TASK>\n{a}") == [("Call Trace", ["kvm_a"])]


def test_all_stacks_of_a_report() -> None:
    lines = [line.strip("\n")[4:] for line in KASAN.split("\n")]
    assert [(trace.what, trace.frames[-1].function) for trace in traces(lines)] == [
        ("Call Trace", "kvm_vm_release"),
        ("Allocated by task 101", "kvm_page_get"),
        ("Freed by task 102", "kvm_page_free"),
    ]
    assert traces([]) == ()


@pytest.mark.parametrize(
    "end",
    [
        "---[ end trace 0000000000000000 ]---",
        "==================================================================",
        "------------[ cut here ]------------\nwords of a WARN()\nWARNING: CPU: 0",
        "BUG: KASAN: use-after-free in kvm_a+0x1/0x2",
    ],
)
def test_a_report_ends_where_it_says_so_or_the_next_begins(end: str) -> None:
    assert list(own(["WARNING: one", "two", *end.split("\n"), "four"])) == ["WARNING: one", "two"]


def test_a_cut_in_a_report_does_not_end_it() -> None:
    bug = ["------------[ cut here ]------------", "kernel BUG at rust/helpers/bug.c:7!", "five"]
    assert len(own(["rust_kernel: panicked at a.rs:1:1:", "words", *bug])) == 5


@pytest.mark.parametrize(
    "line", ["INFO: lockdep is turned off.", "Kernel panic - not syncing: x", "invalid opcode: 0000"]
)
def test_a_report_goes_on_over_what_belongs_to_it(line: str) -> None:
    assert len(own(["BUG: one", line, "three"])) == 3


def test_a_huge_stack_is_kept() -> None:
    told = traces(["Call Trace:", *[" kvm_a+0x1/0x2", " kvm_b+0x3/0x4"] * 500])
    assert told == (Trace(what="Call Trace", frames=(A, B) * 500),)
