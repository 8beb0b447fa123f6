"""Reports printed at the same time, by a kernel that doesn't say who prints."""

from collections.abc import Callable
from itertools import chain, zip_longest

import pytest

from rig.reports import cut
from rig.reports.parse import parse
from tests.reports import logs
from tests.reports.logs import QUIET, WARNING, console

KASAN = logs.KASAN.replace("churn/101", "churn/202").replace("PID: 101", "PID: 202")
SLEEPING = """
    BUG: sleeping function called from invalid context at kernel/locking/mutex.c:580
    in_atomic(): 1, irqs_disabled(): 0, non_block: 0, pid: 303, name: other
    CPU: 0 PID: 303 Comm: other Not tainted 6.1.192 #1
    Call Trace:
     <TASK>
     dump_stack_lvl+0x34/0x44
     __might_resched+0x1f/0x2f
     kvm_slot_swap+0x41/0x90
     kvm_vm_ioctl+0x100/0x200
     </TASK>
"""
SECOND_WARNING = WARNING.replace("PID: 101", "PID: 404").replace("kvm_mmu_sweep", "kvm_mmu_other")
TITLES = {
    WARNING: "WARNING in kvm_mmu_sweep",
    SECOND_WARNING: "WARNING in kvm_mmu_other",
    KASAN: "KASAN: use-after-free Read in kvm_page_put",
    SLEEPING: "BUG: sleeping function called from invalid context in kvm_slot_swap",
}


def by_turns(*logs: str) -> bytes:
    lines = chain.from_iterable(zip_longest(*(log.strip().split("\n") for log in logs), fillvalue=""))
    return console("\n".join(line.removeprefix("    ") for line in lines if line), "")


def unstamped(*logs: str) -> bytes:
    lines = by_turns(*logs).splitlines(keepends=True)
    return b"".join(line.partition(b"] ")[2] for line in lines)


@pytest.mark.parametrize("mixed", [by_turns, unstamped])
@pytest.mark.parametrize(
    "logs",
    [(WARNING, KASAN), (KASAN, WARNING), (WARNING, SECOND_WARNING), (SLEEPING, WARNING), (KASAN, SLEEPING)],
)
def test_two_at_once(mixed: Callable[..., bytes], logs: tuple[str, str]) -> None:
    reports = parse(QUIET + mixed(*logs))
    assert {report.title for report in reports} == {TITLES[log] for log in logs}
    assert not any(report.corrupted for report in reports)


def test_three_at_once() -> None:
    reports = parse(by_turns(SLEEPING, WARNING, SECOND_WARNING))
    assert [report.title for report in reports] == [TITLES[SLEEPING], TITLES[WARNING], TITLES[SECOND_WARNING]]


def test_a_text_holds_only_its_own_lines() -> None:
    texts = {report.title: report.text for report in parse(by_turns(WARNING, SLEEPING))}
    assert "might_resched" not in texts[TITLES[WARNING]]
    assert "RIP:" not in texts[TITLES[SLEEPING]]


def test_one_after_the_other_is_cut_as_ever() -> None:
    log = console(WARNING, "") + console(KASAN, "")
    assert "buggy" not in parse(log)[0].text
    assert [report.title for report in parse(log)] == [TITLES[WARNING], TITLES[KASAN]]


def test_a_header_whose_report_is_missing_gets_no_lines_of_its_neighbour() -> None:
    lost = "BUG: kernel NULL pointer dereference, address: 0000000000000008\n"
    reports = parse(console(lost, "") + console(WARNING, ""))
    assert [report.corrupted for report in reports] == [True, False]


@pytest.mark.parametrize("tail", [" ? what", " Disabling lock debugging due to kernel taint"])
def test_a_line_that_opens_a_report_is_never_left_out(tail: str) -> None:
    lost = f"BUG: kernel NULL pointer dereference, address: 0000000000000008{tail}\n"
    assert len(parse(console(lost + WARNING.strip("\n").replace("    ", "") + lost, ""))) == 3


def test_reports_too_far_apart_to_be_told_apart_are_survived() -> None:
    lost = console("BUG: kernel NULL pointer dereference, address: 0000000000000008\n", "")
    assert len(parse(lost + lost + b"x" * cut.SPAN + b"\n" + lost)) == 3
