"""The lines of one report, cut out of a log in which everybody writes at once. No I/O."""

import heapq
import sys
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from rig.reports import families
from rig.reports.console import CONSOLE, LONGEST, UNPREFIXED, Console, Lines
from rig.reports.openings import Opening
from rig.reports.untangle import untangle

# By the conventions a text goes on to the end of the log. Bounds keep the cost linear and the memory constant:
SPAN = 1 << 20  # bytes of log below its opening that a text can reach
BACK = 1 << 18  # and above, for the lines shown before it
REACH = 8  # reports of its context that a text holds, itself included
FLOOD = 64  # reports of a log after which there is nothing left to learn from what follows each
FLOOD_REACH = 2  # the same for those: an oops often opens twice
LINES = 4000  # of a text
TANGLE = 8  # reports that are told apart where printk doesn't say whose a line is

_APART = 60  # lines between two openings, more than which makes them no tangle
_PREFIX = 5  # lines shown before a report
_TASK_PREFIX = 50  # the same where they are all of one task
_ENOUGH = 22  # lines after which a panic has nothing to add to a report
_ENOUGH_KMSAN = 16

_ENDS = ("Kernel panic - not syncing", "WARNING: possible circular locking dependency detected")
_TAINT = "Disabling lock debugging due to kernel taint"
_ALL_CPUS = "Sending NMI from CPU"


@dataclass(frozen=True, slots=True)
class Cut:
    """A report's own lines."""

    context: str
    before: tuple[str, ...]
    lines: tuple[str, ...]
    window: int  # how many of the lines are for the title


class Cutter:
    """Cuts the reports out of a stretch of log; what they share is prepared once. `seen` reports came before."""

    def __init__(self, console: Console, found: Sequence[Opening], seen: int) -> None:
        self._console = console
        self._flood = FLOOD - seen
        self._contexts = console.by_context()
        self._found = found
        self._openings: dict[str, list[Opening]] = {}
        for opening in found:
            context, _ = console.split_prefix(opening.start, opening.end)
            self._openings.setdefault(context, []).append(opening)
        noise = [start for text in families.NOISE for _, start, _ in console.lines_with(text)]
        stoppers = [opening for opening in found if not opening.harmless]
        conventional = [opening for opening in stoppers if not opening.group.beyond]
        self._stoppers = sorted({*noise, *map(_start, conventional)})
        self._stoppers_beyond = sorted({*noise, *map(_start, stoppers)})

    def cut(self, opening: Opening) -> Cut:
        """Return the report that `opening` opens."""
        context, _ = self._console.split_prefix(opening.start, opening.end)
        first = self._first(opening)
        starts, lines = self._below(context, opening)
        starts, lines = _reliable(context, [opening.start, *starts], [first, *lines])
        end = _end(lines, _ENOUGH_KMSAN if "BUG: KMSAN:" in first else _ENOUGH)
        window = end
        if context in (UNPREFIXED, CONSOLE):
            window = min(end, bisect_left(starts, self._stopper_after(opening)))
        return Cut(context, self._before(context, opening), tuple(lines[:end]), window)

    def tangle(self, opening: Opening) -> tuple[Opening, ...]:
        """Return the openings around one, itself included, that are near enough for their reports to be mixed.

        () where printk says whose a line is.
        """
        context, _ = self._console.split_prefix(opening.start, opening.end)
        if context not in (UNPREFIXED, CONSOLE):
            return ()
        openings, lines = self._openings[context], self._contexts[context]
        at = bisect_left(openings, opening.start, key=_start)
        first = at - at % TANGLE
        line = [bisect_left(lines.starts, one.start) for one in openings[first : first + TANGLE]]
        apart = [0, *(n for n, (one, two) in enumerate(pairwise(line), 1) if two - one > _APART), len(line)]
        return next(tuple(openings[first + a : first + b]) for a, b in pairwise(apart) if a <= at - first < b)

    def untangled(self, tangle: Sequence[Opening]) -> list[Cut]:
        """Return reports that were printed at the same time, each with its own lines only; [] if too long."""
        context, _ = self._console.split_prefix(tangle[0].start, tangle[0].end)
        end = min(self._console.beside(tangle[0].start, SPAN), _reached(self._openings[context], tangle[-1].start, 1))
        starts, lines = self._between(self._contexts[context], tangle[0].start, end)
        heads = [bisect_left(starts, one.start) for one in tangle]
        if heads[-1] >= min(len(starts), LINES):
            return []
        starts, lines = _reliable(context, starts[:LINES], lines[:LINES], heads)
        owned = untangle(lines, [bisect_left(starts, one.start) for one in tangle])
        return [
            Cut(context, self._before(context, one), tuple(lines[index] for index in own), len(own))
            for one, own in zip(tangle, owned, strict=True)
        ]

    def _stopper_after(self, opening: Opening) -> int:
        stoppers = self._stoppers_beyond if opening.group.beyond else self._stoppers
        at = bisect_left(stoppers, opening.end)
        return stoppers[at] if at < len(stoppers) else len(self._console.log)

    def _first(self, opening: Opening) -> str:
        _, start = self._console.split_prefix(opening.start, opening.end)
        near = start if opening.header < start + LONGEST // 2 else opening.header
        return self._console.text(near, opening.end)

    def _below(self, context: str, opening: Opening) -> tuple[list[int], list[str]]:
        """Return the lines of a context below an opening, and from an all-CPU backtrace on those of all CPUs."""
        reach = REACH if bisect_left(self._found, opening.start, key=_start) < self._flood else FLOOD_REACH
        span = self._console.beside(opening.start, SPAN)
        own_end = min(span, _reached(self._openings[context], opening.start, reach))
        starts, lines = self._between(self._contexts[context], opening.end, own_end)
        asked = next((index for index, line in enumerate(lines) if _ALL_CPUS in line), None)
        if asked is None:
            return starts, lines
        cpus_end = min(span, _reached(self._found, starts[asked], reach))
        cpus = zip(*self._between(self._cpus, starts[asked] + 1, cpus_end), strict=True)
        rest = () if context.startswith("C") else zip(starts[asked + 1 :], lines[asked + 1 :], strict=True)
        merged = list(heapq.merge(rest, cpus))
        return starts[: asked + 1] + [start for start, _ in merged], lines[: asked + 1] + [line for _, line in merged]

    def _between(self, lines: Lines, position: int, limit: int) -> tuple[list[int], list[str]]:
        """Return where lines begin, and their texts; no more than a report can have, however many are left out."""
        first = bisect_left(lines.starts, position)
        last = min(bisect_left(lines.starts, limit), first + 2 * LINES)
        starts = lines.starts[first:last].tolist()
        return starts, self._console.texts(starts, lines.ends[first:last])

    @cached_property
    def _cpus(self) -> Lines:
        """The lines of all CPUs' contexts."""
        contexts = (lines for name, lines in self._contexts.items() if name.startswith("C"))
        bounds = list(heapq.merge(*(zip(lines.starts, lines.ends, strict=True) for lines in contexts)))
        return Lines((start for start, _ in bounds), (end for _, end in bounds))

    def _before(self, context: str, opening: Opening) -> tuple[str, ...]:
        lines = self._contexts[context]
        wanted = _TASK_PREFIX if context.startswith("T") else _PREFIX
        shown: list[str] = []
        first = bisect_left(lines.starts, self._console.beside(opening.start, -BACK))
        for at in range(bisect_left(lines.starts, opening.start) - 1, first - 1, -1):
            line = self._console.text(lines.starts[at], lines.ends[at])
            if line.strip() and not (context != UNPREFIXED and _unreliable(line)):
                shown.append(line)
            if len(shown) == wanted:
                break
        return tuple(reversed(shown))


def _reached(openings: Sequence[Opening], start: int, reach: int) -> int:
    """Return where the report that is `reach` reports on from `start` begins, at the end of all if there are fewer."""
    last = bisect_left(openings, start, key=_start) + reach
    return openings[last].start if last < len(openings) else sys.maxsize


def _start(opening: Opening) -> int:
    return opening.start


def _reliable(
    context: str, starts: list[int], lines: list[str], heads: Sequence[int] = (0,)
) -> tuple[list[int], list[str]]:
    """Return the lines that are not to be left out; `heads`, those that open a report, never are."""
    guesses = context != UNPREFIXED
    kept = [
        index
        for index, line in enumerate(lines)
        if index in heads or not (_TAINT in line or (guesses and ("?" in line or "(unr" in line) and _unreliable(line)))
    ]
    if len(kept) == len(lines):
        return starts, lines
    return [starts[index] for index in kept], [lines[index] for index in kept]


def _unreliable(line: str) -> bool:
    """Say whether a line is a frame the unwinder only guessed; without a stamp it may be anything."""
    return (" ? " in line or line.endswith(" (unreliable)")) and "<EOI>" not in line


def _end(lines: Sequence[str], enough: int) -> int:
    """Return how many lines a text has: up to what has nothing to add to it once there are enough."""
    late = enumerate(lines[enough + 1 : LINES], enough + 1)
    return next((at for at, line in late if _ENDS[0] in line or _ENDS[1] in line), min(len(lines), LINES))
