"""The lines of one report, cut out of a log in which everybody writes at once. No I/O."""

import heapq
import sys
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice, pairwise

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
        noise = (start for text in families.NOISE for _, start, _ in console.lines_with(text))
        self._stoppers = sorted({*noise, *(opening.start for opening in found if not opening.harmless)})

    def cut(self, opening: Opening) -> Cut:
        """Return the report that `opening` opens."""
        context, _ = self._console.split_prefix(opening.start, opening.end)
        kept = list(self._kept(context, opening))
        window = len(kept)
        if context in (UNPREFIXED, CONSOLE):
            window = bisect_left([start for start, _ in kept], self._stopper_after(opening))
        return Cut(context, self._before(context, opening), tuple(line for _, line in kept), window)

    def tangle(self, opening: Opening) -> tuple[Opening, ...]:
        """Return the openings around one, itself included, that are near enough for their reports to be mixed.

        None where printk says whose a line is.
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
        """Return reports that were printed at the same time, each with its own lines only."""
        context, _ = self._console.split_prefix(tangle[0].start, tangle[0].end)
        end = min(self._console.beside(tangle[0].start, SPAN), _reached(self._openings[context], tangle[-1].start, 1))
        between = islice(self._between(self._contexts[context], tangle[0].start, end), LINES)
        found = [(start, line) for start, line in between if not _unreliable(context, line) and _TAINT not in line]
        starts = [start for start, _ in found]
        owned = untangle([line for _, line in found], [bisect_left(starts, one.start) for one in tangle])
        return [
            Cut(context, self._before(context, one), tuple(found[index][1] for index in own), len(own))
            for one, own in zip(tangle, owned, strict=True)
        ]

    def _stopper_after(self, opening: Opening) -> int:
        at = bisect_left(self._stoppers, opening.end)
        return self._stoppers[at] if at < len(self._stoppers) else len(self._console.log)

    def _kept(self, context: str, opening: Opening) -> Iterator[tuple[int, str]]:
        first = self._first(opening)
        yield opening.start, first
        enough = _ENOUGH_KMSAN if "BUG: KMSAN:" in first else _ENOUGH
        count = 1
        for start, line in self._from(context, opening):
            if _unreliable(context, line) or _TAINT in line:
                continue
            if (count > enough and (_ENDS[0] in line or _ENDS[1] in line)) or count == LINES:
                return
            yield start, line
            count += 1

    def _first(self, opening: Opening) -> str:
        _, start = self._console.split_prefix(opening.start, opening.end)
        near = start if opening.header < start + LONGEST // 2 else opening.header
        return self._console.text(near, opening.end)

    def _from(self, context: str, opening: Opening) -> Iterator[tuple[int, str]]:
        """Yield the lines of a context below an opening, and from an all-CPU backtrace on those of all CPUs."""
        reach = REACH if bisect_left(self._found, opening.start, key=_start) < self._flood else FLOOD_REACH
        span = self._console.beside(opening.start, SPAN)
        own_end = min(span, _reached(self._openings[context], opening.start, reach))
        own = self._between(self._contexts[context], opening.end, own_end)
        for start, line in own:
            yield start, line
            if _ALL_CPUS in line:
                cpus = self._between(self._cpus, start + 1, min(span, _reached(self._found, start, reach)))
                yield from cpus if context.startswith("C") else heapq.merge(own, cpus)
                return

    def _between(self, lines: Lines, position: int, limit: int) -> Iterator[tuple[int, str]]:
        for at in range(bisect_left(lines.starts, position), bisect_left(lines.starts, limit)):
            yield lines.starts[at], self._console.text(lines.starts[at], lines.ends[at])

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
            if line.strip() and not _unreliable(context, line):
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


def _unreliable(context: str, line: str) -> bool:
    """Say whether a line is a frame the unwinder only guessed; without a stamp it may be anything."""
    return (" ? " in line or line.endswith(" (unreliable)")) and context != UNPREFIXED and "<EOI>" not in line
