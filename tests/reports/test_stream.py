"""A log that comes in pieces says the same as one that is there at once."""

import tracemalloc
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rig.reports import cut
from rig.reports import parse as parsing
from rig.reports.parse import Stream, parse, parse_chunks
from tests.reports.logs import KASAN, QUIET, WARNING, console

PANIC = console("Kernel panic - not syncing: panic_on_warn set ...")
SMALL = QUIET + console(WARNING) + QUIET + console(KASAN, "C0") + PANIC
FILLING = QUIET * (3 << 20 >> 8)


def pieces(log: bytes, size: int) -> Iterator[bytes]:
    return (log[at : at + size] for at in range(0, len(log), size))


@given(st.integers(1, 300))
def test_cut_anywhere(size: int) -> None:
    assert parse_chunks(pieces(SMALL, size)) == parse(SMALL)


@pytest.mark.parametrize("newline", [b"\n", b"\r\n"])
def test_reports_far_apart_and_at_the_seams(newline: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    log = b"".join(console(WARNING, f"T{number}") + FILLING[: number << 19] for number in range(1, 10)) + SMALL
    log = log.replace(b"\n", newline)
    in_blocks = parse(log)
    monkeypatch.setattr(parsing, "BLOCK", len(log))
    assert in_blocks == parse(log)
    assert len(in_blocks) == 12


def test_the_last_line_that_a_report_reaches_is_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cut, "SPAN", len(console(WARNING)))
    log = console(WARNING) + console("a line that goes on and on" * 10 + "\n" + "nothing\n" * 200)
    at_once = parse(log)
    monkeypatch.setattr(parsing, "BLOCK", 1)
    assert parse_chunks(pieces(log, 10)) == at_once


def test_what_is_said_later_holds_for_all() -> None:
    lost = b"serialport: VM disconnected.\n"
    reports = parse(console(WARNING) + FILLING * 4 + PANIC + lost)
    assert [report.panicked for report in reports] == [True, True]
    assert {report.corrupted_reason for report in reports} >= {"the VM was lost"}
    assert len({report.end for report in reports}) == 1


def test_what_is_fed_can_be_had_before_the_end() -> None:
    stream = Stream()
    assert not list(stream.feed(SMALL))
    first = list(stream.flush())
    assert [report.title for report in first] == [report.title for report in parse(SMALL)]
    assert not list(stream.flush())
    list(stream.feed(console(WARNING)))
    (last,) = stream.flush()
    assert last.start == len(SMALL) + SMALL.index(b"[   12.001000][  T101] WARNING") - len(QUIET)


def test_memory_does_not_grow_with_the_log() -> None:
    def peak(times: int) -> int:
        tracemalloc.start()
        parse_chunks(FILLING for _ in range(times))
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    assert peak(40) < 1.2 * peak(10)


def test_a_line_without_end_is_survived() -> None:
    assert [report.title for report in parse_chunks([b"x" * (1 << 20)] * 30 + [b"\n", console(WARNING)])] == [
        "WARNING in kvm_mmu_sweep"
    ]
