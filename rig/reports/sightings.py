"""Reports of a guest's console, each with the workload it came under. No I/O."""

import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

from rig.markers import BEGIN, GAVE_UP
from rig.model import Report, Sighting
from rig.reports.parse import parse_chunks
from rig.reports.signature import contradict

BOOT = "boot"  # the workload of what is seen before the first one
UPTIME = re.compile(rb"\[ *(\d+\.\d+)\]")  # seconds, before what the kernel prints

_LONGEST = 1 << 20  # of a line that is waited for, bytes


def sightings(console: Iterable[bytes]) -> tuple[Sighting, ...]:
    """Return what a console that comes in pieces complains of, in order.

    Each title once under each workload, unless it is of several bugs. Left out are reports that only follow another
    one, and what the rig made a hung guest say.
    """
    begins: list[_Begin] = [_Begin(offset=0, workload=BOOT, uptime=None)]
    reports = parse_chunks(_noted(_until_given_up(_whole_lines(console)), begins))
    seen: defaultdict[tuple[str, str], list[Sighting]] = defaultdict(list)
    for before, report in zip((None, *reports), reports, strict=False):
        begin = _under(begins, report.start)
        alike = seen[begin.workload, report.title]
        if not (before and _follows(report, before)) and all(contradict(one.report, report) for one in alike):
            alike.append(Sighting(workload=begin.workload, report=report, began=begin.uptime))
    return tuple(sorted(chain(*seen.values()), key=lambda sighting: sighting.report.start))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Begin:
    """Where a workload's output begins on the console, and when that was."""

    offset: int
    workload: str
    uptime: float | None


def uptime(line: bytes) -> float | None:
    """Return the time the kernel put before a line, in seconds since the guest began to boot."""
    found = UPTIME.search(line)
    return float(found[1]) if found else None


def _whole_lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the same bytes cut at the ends of lines, unless a line is absurdly long."""
    rest = b""
    for piece in pieces:
        lines, newline, rest = (rest + piece).rpartition(b"\n")
        yield lines + newline
        if len(rest) > _LONGEST:
            yield rest
            rest = b""
    yield rest


def _until_given_up(pieces: Iterable[bytes]) -> Iterator[bytes]:
    for piece in pieces:
        before, gave_up, _ = piece.partition(GAVE_UP)
        yield before
        if gave_up:
            return


def _noted(pieces: Iterable[bytes], begins: list[_Begin]) -> Iterator[bytes]:
    """Yield the same bytes, taking down where each workload begins."""
    offset = 0
    for piece in pieces:
        for found in BEGIN.finditer(piece):
            line = piece[piece.rfind(b"\n", 0, found.start()) + 1 : found.start()]
            begins.append(_Begin(offset=offset + found.start(), workload=found[1].decode(), uptime=uptime(line)))
        offset += len(piece)
        yield piece


def _follows(report: Report, before: Report) -> bool:
    """Whether `report` is the rest of `before`: a panic without a cause, the trap of a BUG(), the sum of leaks."""
    there = report.frame == before.frame or () != report.traces[:1] == before.traces[:1]
    trap = report.title.startswith("invalid opcode in ") and there
    leaks = report.title.startswith("kmemleak:") and before.title.startswith("memory leak in ")
    return trap or leaks or (report.corrupted and report.title.startswith("kernel panic:"))


def _under(begins: list[_Begin], offset: int) -> _Begin:
    return begins[bisect_right(begins, offset, key=lambda begin: begin.offset) - 1]
