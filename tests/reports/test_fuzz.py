"""Real consoles, damaged at random: whatever is left, what is said of it can be relied on."""

import json
import random
from collections.abc import Callable
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rig.model import Report
from rig.render.parsed import as_text
from rig.reports import cut, titles
from rig.reports import parse as parsing
from rig.reports.demangle import demangle_line
from rig.reports.guilty import culprit
from rig.reports.parse import parse, parse_chunks
from rig.reports.signature import contradict, keys
from rig.reports.types import type_of
from tests.reports.logs import KASAN, console

LOGS = tuple(path.read_bytes() for path in sorted((Path(__file__).parent / "golden").glob("*.log")))
LINES = 300  # of each log that are used
HUGE = 10 << 20  # bytes of a line
DEEP = 3000  # levels of nesting

BYTES = (b"\0", b"\xff", b"\xc3(", b"\x1b[2J", b"\x9b1m", b"\r", b"\n", b"\r\n", b"\t", b"\x7f", b"\xe2\x80\xae", b" ")
WORDS = (
    *(b"99999999999999999999999999", b"0x" + b"f" * 40, b"-1", b"[<", b">]", b"[", b"{", b"}", b"(", b")", b"'", b"\\"),
    *(b"%s", b"{frame}", b"{0}", b"$", b"<EOI>", b" ? ", b" at: ", b" in ", b"BUG: ", b"WARNING: ", b"Call Trace:\n"),
    *(b"Sending NMI from CPU 0 to CPUs 1:\n", b"** 7 printk messages dropped ** ", b" login: ", b"<4>", b"+0x1/0x2"),
    *(b"[    1.000000][   C3] ", b"[    1.000000][  T77] ", b"[    1.000000] ", b"\n** replaying previous"),
    *(b"_RNv" + b"NtC" * 20 + b"3foo3bar+0x1/0x2", b"_ZN" + b"3foo" * 50 + b"E+0x1/", b"_R" + b"I" * 200 + b"+0x1/"),
    *(b"[" * 50, b"(" * 50, b"a" * 3000, "ä".encode() * 300, b"1" * 500, b"\\x00"),
)
PREFIXES = (b"", b"[   12.345678] ", b"[   12.345678][  T101] ", b"[   12.345678][    C1] ", b"<4>[   12.345678] ")

Lines = list[bytes]
Damage = Callable[[Lines, random.Random], Lines]


def shuffle(lines: Lines, chance: random.Random) -> Lines:
    start, length = chance.randrange(len(lines)), chance.randrange(2, 30)
    part = lines[start : start + length]
    chance.shuffle(part)
    return [*lines[:start], *part, *lines[start + length :]]


def repeat(lines: Lines, chance: random.Random) -> Lines:
    start, length = chance.randrange(len(lines)), chance.randrange(1, 40)
    return lines[: start + length] + lines[start : start + length] * chance.randrange(1, 4) + lines[start + length :]


def leave_out(lines: Lines, chance: random.Random) -> Lines:
    start = chance.randrange(len(lines))
    return lines[:start] + lines[start + chance.randrange(1, 20) :] or [b""]


def break_off(lines: Lines, chance: random.Random) -> Lines:
    at = chance.randrange(len(lines))
    return [*lines[:at], lines[at][: chance.randrange(len(lines[at]) + 1)], *lines[at + 1 :]]


def run_together(lines: Lines, chance: random.Random) -> Lines:
    at = chance.randrange(len(lines))
    return [*lines[:at], b"".join(lines[at : at + 2]), *lines[at + 2 :]]


def take_turns(lines: Lines, chance: random.Random) -> Lines:
    """Two stretches of the log as if printed at the same time."""
    length = chance.randrange(2, 60)
    one, two = (chance.randrange(len(lines)) for _ in range(2))
    both = [*lines[one : one + length], *lines[two : two + length]]
    order = [0] * len(lines[one : one + length]) + [1] * len(lines[two : two + length])
    chance.shuffle(order)
    feeds = iter(both[: order.count(0)]), iter(both[order.count(0) :])
    return [*lines[:one], *(next(feeds[which]) for which in order), *lines[one + length :]] or [b""]


def insert(lines: Lines, chance: random.Random) -> Lines:
    at, what = chance.randrange(len(lines)), chance.choice(BYTES + WORDS)
    middle = chance.randrange(len(lines[at]) + 1)
    return [*lines[:at], lines[at][:middle] + what + lines[at][middle:], *lines[at + 1 :]]


def overwrite(lines: Lines, chance: random.Random) -> Lines:
    at = chance.randrange(len(lines))
    damaged = bytearray(lines[at])
    for _ in range(min(len(damaged), chance.randrange(1, 9))):
        damaged[chance.randrange(len(damaged))] = chance.randrange(256)
    return [*lines[:at], bytes(damaged), *lines[at + 1 :]]


def stamp(lines: Lines, chance: random.Random) -> Lines:
    """Other printk stamps on a stretch of lines, or none."""
    start, length = chance.randrange(len(lines)), chance.randrange(1, 200)
    prefixes = chance.sample(PREFIXES, k=chance.randrange(1, 3))
    told = [chance.choice(prefixes) + line.partition(b"] ")[2] for line in lines[start : start + length]]
    return [*lines[:start], *told, *lines[start + length :]]


DAMAGE: tuple[Damage, ...] = (
    *(shuffle, repeat, leave_out, break_off, run_together, take_turns, insert, insert, insert, overwrite, stamp),
)


def damage(chance: random.Random) -> bytes:
    """Return a stretch of one or two real consoles with some damage done to it."""
    lines: Lines = []
    for log in chance.sample(LOGS, k=chance.randrange(1, 3)):
        whole = log.split(b"\n")
        start = chance.randrange(len(whole))
        lines += whole[start : start + LINES]
    for _ in range(chance.randrange(1, 13)):
        lines = chance.choice(DAMAGE)(lines, chance)
    return b"\n".join(lines)


DAMAGED = st.integers(0, 1 << 32).map(lambda seed: damage(random.Random(seed)))


def check(log: bytes) -> tuple[Report, ...]:
    reports = parse(log)
    assert all(one.start < other.start for one, other in pairwise(reports))
    assert len({report.end for report in reports}) <= 1
    for report in reports:
        check_report(report, log)
    json.dumps([asdict(report) for report in reports]).encode()
    return reports


def check_report(report: Report, log: bytes) -> None:
    assert 0 <= report.start < report.end <= len(log)
    before = log[: report.start].replace(b"\r", b"")
    assert not before or before.endswith(b"\n")
    for title in (report.title, *report.alt_titles):
        assert title
        assert len(title) <= titles.LONGEST
        assert all(" " <= char <= "~" for char in title)
    assert report.title not in report.alt_titles
    assert list(report.alt_titles) == sorted(set(report.alt_titles))
    assert (report.frame, report.type) == (titles.frame(report.title), type_of(report.title))
    assert report.corrupted == bool(report.corrupted_reason)
    lines = report.text.encode().decode().split("\n")
    assert 0 <= report.lead < len(lines) <= cut.LINES + 50
    check_fields(report)
    keys(report)
    assert not contradict(report, report)
    culprit(lines)
    demangle_line(report.text)
    shown = as_text(report).plain
    assert all(char.isprintable() or char in "\n\t" for char in shown)


def check_fields(report: Report) -> None:
    for trace in report.traces:
        assert trace.what
        assert trace.frames
        for frame in trace.frames:
            assert frame.function
            assert frame.offset is None or frame.offset >= 0
    assert report.access is None or report.access.size is None or report.access.size >= 0
    assert all(lock.name for lock in report.locks)
    assert "\n" not in report.message + report.signature


def examples(count: int) -> settings:
    return settings(derandomize=True, suppress_health_check=list(HealthCheck), max_examples=count)


@examples(250)
@given(DAMAGED)
def test_damaged_consoles(log: bytes) -> None:
    check(log)


@pytest.mark.parametrize("word", [b"x", b"BUG: ", b"\r", b" login: [", b"\xff\0"])
def test_a_huge_line(word: bytes) -> None:
    reports = check(console(KASAN) + word * (HUGE // len(word)) + b"\n" + console(KASAN))
    assert {report.title for report in reports} >= {"KASAN: use-after-free Read in kvm_page_put"}


@pytest.mark.parametrize(
    "name", ["_R" + "I" * DEEP, "_RNv" + "NtC" * DEEP + "3foo", "_ZN" + "1a" * DEEP + "E", "_RB" * DEEP], ids=range(4)
)
def test_deep_names(name: str) -> None:
    (report,) = check(console(f"BUG: scheduling while atomic: a/1/2\nCall Trace:\n {name}+0x1/0x2\n kvm_put+0x1/0x2\n"))
    assert len(report.title) <= titles.LONGEST


@examples(40)
@given(DAMAGED, st.lists(st.integers(1, 5000), min_size=1, max_size=8))
def test_in_pieces_as_at_once(log: bytes, sizes: list[int]) -> None:
    assert parse_chunks(pieces(log, sizes)) == parse(log)


def pieces(log: bytes, sizes: list[int]) -> list[bytes]:
    cuts = [0]
    while cuts[-1] < len(log):
        cuts.append(cuts[-1] + sizes[len(cuts) % len(sizes)])
    return [log[start:end] for start, end in pairwise(cuts)]


@examples(40)
@given(st.lists(DAMAGED, min_size=3, max_size=6), st.lists(st.integers(1, 9000), min_size=1, max_size=8))
def test_in_small_blocks_as_at_once(logs: list[bytes], sizes: list[int]) -> None:
    """Where each line says whose it is: elsewhere reports that are told apart may be cut between blocks."""
    lines = (line.partition(b"] ")[2] for log in logs for line in log.split(b"\n"))
    log = b"".join(b"[    1.000000][  T%d] %s\n" % (len(line) % 2, line) for line in lines)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cut, "SPAN", 20 << 10)
        patch.setattr(cut, "BACK", 20 << 10)
        at_once = parse(log)
        patch.setattr(parsing, "BLOCK", 4 << 10)
        assert parse_chunks(pieces(log, sizes)) == at_once
