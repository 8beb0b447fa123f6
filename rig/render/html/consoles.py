"""Consoles for the page: what of each is embedded, and the lines where something begins. No I/O."""

import base64
import gzip
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Literal

from rig.markers import BEGIN, GAVE_UP
from rig.model import Sighting, Trial
from rig.render.escape import printable

CAP = 1 << 20  # bytes of one console that are embedded
TOTAL = 24 << 20  # of all of them together, shared out
LEAST = 64 << 10  # of each, however many there are

_BEFORE, _AFTER, _REPORT = 4 << 10, 16 << 10, 48 << 10  # bytes kept before and after a beginning, after a report's
_MOST_BEGINS = 500
_LONGEST = 4000  # characters of a line

_Span = tuple[int, int]  # from and to, bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A line (counted from 1) where something begins."""

    line: int
    kind: Literal["begin", "report", "gave-up"]
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Packed:
    """A console as the page carries it."""

    bytes: int
    lines: int
    kept: tuple[tuple[int, int], ...]  # first line and number of lines of each part that is embedded
    left_out: int  # bytes
    text: str  # those lines, compressed with gzip, in base64
    marks: tuple[Mark, ...]  # in the order of their lines
    begins: dict[str, int]  # where each workload began first, by its name
    reports: tuple[int, ...]  # the first line of each report of the trial


def share(consoles: int) -> int:
    """Return how many bytes of each of so many consoles can be embedded."""
    return max(LEAST, min(CAP, TOTAL // max(consoles, 1)))


def pack(raw: bytes, trial: Trial, cap: int = CAP) -> Packed:
    """Return the console `raw` of `trial` for the page, no more than about `cap` bytes of it."""
    spans = tuple(_merged(_whole_lines(raw, span) for span in _chosen(raw, trial.sightings, cap)))
    lines = _Lines(raw)
    parts = [(lines.at(start), _text(raw[start:end])) for start, end in spans]
    begins = tuple((name, lines.at(offset)) for name, offset in _begins(raw))
    return Packed(
        bytes=len(raw),
        lines=lines.at(len(raw)) - raw.endswith(b"\n") if raw else 0,
        kept=tuple((first, len(text)) for first, text in parts),
        left_out=len(raw) - sum(end - start for start, end in spans),
        text=_compressed(line for _, text in parts for line in text),
        marks=tuple(sorted(_marks(raw, trial.sightings, begins, lines), key=lambda mark: mark.line)),
        begins=dict(reversed(begins)),
        reports=tuple(lines.at(sighting.report.start) for sighting in trial.sightings),
    )


class _Lines:
    """Numbers of lines by offset; each stretch between the offsets asked for is counted once."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self._offsets, self._numbers = [0], [1]

    def at(self, offset: int) -> int:
        """Return the number of the line that the byte at `offset` is in."""
        after = bisect_right(self._offsets, offset)
        near = self._offsets[after - 1]
        number = self._numbers[after - 1] + self._raw.count(b"\n", near, offset)
        if offset != near:
            self._offsets.insert(after, offset)
            self._numbers.insert(after, number)
        return number


def _chosen(raw: bytes, sightings: Sequence[Sighting], cap: int) -> Iterator[_Span]:
    """Yield what to embed: everything, or what is around reports and beginnings and, in the room left, both ends."""
    if len(raw) <= cap:
        yield 0, len(raw)
        return
    ends = cap // 4  # at the least
    left = cap - 2 * ends
    for start, end in _interesting(raw, sightings):
        start, end = max(start, 0), min(end, len(raw), start + left)
        if start < end:
            yield start, end
            left -= end - start
    ends += left // 2
    yield 0, ends
    yield len(raw) - ends, len(raw)


def _interesting(raw: bytes, sightings: Sequence[Sighting]) -> Iterator[_Span]:
    for report in (sighting.report for sighting in sightings):
        yield report.start - _BEFORE, report.start + _REPORT
    for _, offset in _begins(raw):
        yield offset - _BEFORE, offset + _AFTER


def _begins(raw: bytes) -> Iterator[tuple[str, int]]:
    """Yield the workloads that begin in a console, and where; a guest may say so as often as it likes."""
    for found in islice(BEGIN.finditer(raw), _MOST_BEGINS):
        yield found[1].decode(), found.start()


def _whole_lines(raw: bytes, span: _Span) -> _Span:
    """Return `span` widened to whole lines, unless they are absurdly long."""
    start, end = span
    before = raw.rfind(b"\n", max(start - _LONGEST, 0), start) + 1
    after = raw.find(b"\n", max(end - 1, 0), end + _LONGEST) + 1
    return before or (start if start > _LONGEST else 0), after or min(end, len(raw))


def _merged(spans: Iterable[_Span]) -> Iterator[_Span]:
    """Yield the same stretches in order, those that meet or overlap as one."""
    current: _Span | None = None
    for start, end in sorted(spans):
        if current and start <= current[1]:
            current = current[0], max(end, current[1])
        else:
            if current:
                yield current
            current = start, end
    if current:
        yield current


def _text(raw: bytes) -> list[str]:
    lines = raw.decode(errors="replace").removesuffix("\n").split("\n")
    return [_line(line.rstrip("\r")) for line in lines]


def _line(line: str) -> str:
    over = len(line) - _LONGEST
    told = line if line.isprintable() else printable(line[:_LONGEST])
    return f"{told[:_LONGEST]} … {over} more characters" if over > 0 else told


def _compressed(lines: Iterable[str]) -> str:
    return base64.b64encode(gzip.compress("\n".join(lines).encode(errors="replace"), 6, mtime=0)).decode()


def _marks(
    raw: bytes, sightings: Sequence[Sighting], begins: Iterable[tuple[str, int]], lines: _Lines
) -> Iterator[Mark]:
    for workload, line in begins:
        yield Mark(line=line, kind="begin", label=workload)
    for report in (sighting.report for sighting in sightings):
        yield Mark(line=lines.at(report.start), kind="report", label=printable(report.title))
    if (gave_up := raw.find(GAVE_UP)) >= 0:
        yield Mark(line=lines.at(gave_up), kind="gave-up", label="the rig gave up")
