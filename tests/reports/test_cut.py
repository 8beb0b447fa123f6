"""Which lines of a log a report is made of."""

from itertools import zip_longest

from rig.reports.cut import FLOOD, FLOOD_REACH, REACH
from rig.reports.parse import parse
from tests.reports.logs import KASAN, QUIET, WARNING, console


def interleaved(one: bytes, other: bytes) -> bytes:
    lines = zip_longest(one.splitlines(keepends=True), other.splitlines(keepends=True), fillvalue=b"")
    return b"".join(line for pair in lines for line in pair)


def test_lines_of_other_tasks_are_left_out() -> None:
    alone = parse(console(WARNING, "T101"))[0]
    mixed = {report.title: report for report in parse(interleaved(console(WARNING, "T101"), console(KASAN, "T202")))}
    assert mixed["WARNING in kvm_mmu_sweep"].text == alone.text
    assert mixed["KASAN: use-after-free Read in kvm_page_put"].context == "T202"


def test_guessed_frames_and_the_taint_message_are_left_out() -> None:
    text = parse(console(WARNING + "    Disabling lock debugging due to kernel taint\n"))[0].text
    assert "show_regs" not in text
    assert "Disabling lock" not in text


def test_a_few_lines_before_a_report_are_shown() -> None:
    before = b"".join(console(f"line {number}", "C1") for number in range(9))
    report = parse(before + console(WARNING, "C1"))[0]
    assert report.text.startswith("line 5\nline 6\nline 7\nline 8\n----")
    assert report.text.split("\n")[report.lead].startswith("WARNING: CPU: 0")


def test_a_replayed_line_counts_once() -> None:
    replay = b"** replaying previous printk message **\n"
    first = console("BUG: something odd")
    assert len(parse(first + replay + first)) == 1


def test_a_panic_ends_a_long_report_and_completes_a_short_one() -> None:
    panic = "    Kernel panic - not syncing: panic_on_warn set ...\n"
    long, short = WARNING + "    more\n" * 22 + panic, WARNING + panic
    assert "Kernel panic" not in parse(console(long))[0].text
    assert "Kernel panic" in parse(console(short))[0].text


def test_an_all_cpu_backtrace_brings_the_other_cpus() -> None:
    log = console("BUG: something odd\nSending NMI from CPU 0 to CPUs 1:") + console("NMI backtrace for cpu 1", "C1")
    log += console("of somebody else", "T7")
    text = parse(log)[0].text
    assert "NMI backtrace for cpu 1" in text
    assert "somebody" not in text


def test_without_callers_the_title_is_not_taken_from_the_next_report() -> None:
    half = "BUG: kernel NULL pointer dereference, address: 0000000000000008"
    report = parse(console(half, "") + console(WARNING, ""))[0]
    assert report.title == "BUG: unable to handle kernel NULL pointer dereference in corrupted"
    assert report.corrupted


def test_positions_are_those_of_the_raw_log() -> None:
    log = (QUIET + console(WARNING) + console(KASAN)).replace(b"\n", b"\r\n")
    first, second = parse(log)
    assert log[first.start :].startswith(b"[   12.001000][  T101] WARNING: CPU: 0")
    assert log[: first.end].endswith(b"kvm_page_put+0x41/0x90")
    assert second.start < second.end == first.end


def test_a_text_goes_on_over_a_bounded_number_of_reports() -> None:
    reports = parse(console("WARNING: once more\n" * 100))
    own = ["\n".join(report.text.split("\n")[report.lead :]) for report in reports]
    assert own[0].count("once more") == REACH
    assert own[FLOOD].count("once more") == FLOOD_REACH
