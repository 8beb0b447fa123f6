"""A console log as lines: where each begins and ends, and whose it is. No I/O."""

import re
from array import array
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cached_property

from ahocorasick_rs import BytesAhoCorasick, MatchKind

UNPREFIXED = ""  # the context of a line that printk did not stamp
CONSOLE = "console"  # stamped, but without CONFIG_PRINTK_CALLER
LONGEST = 2048  # of a line, bytes looked at: printk's own records are at most 1 KiB

_STAMP = re.compile(rb"(?:<\d+>)?\[ *\d+\.\d+\](?:\[ *([TC]\d+)\])? ")
_LATE_STAMP = re.compile(rb"(?:\*\* \d+ printk messages dropped \*\* )?(?:.* login: )?" + _STAMP.pattern)
_BEFORE_STAMP = (b"** ", b" login: ")
_LINE = re.compile(rb"(?!\Z)(" + _STAMP.pattern + rb")?([^\n]*)\n?")


class Needles:
    """Byte strings that are looked for all at once."""

    def __init__(self, *needles: bytes) -> None:
        # Of two that overlap one is enough, and not asking for both is what makes this faster than memory is read.
        self._search = BytesAhoCorasick(needles, matchkind=MatchKind.LeftmostFirst)

    def positions(self, log: bytes) -> list[int]:
        """Return where they are."""
        return [start for _, start, _ in self._search.find_matches_as_indexes(log)]


class Lines:
    """Bounds of the cleaned lines of one context, in console order."""

    __slots__ = ("ends", "starts")

    def __init__(self, starts: Iterable[int] = (), ends: Iterable[int] = ()) -> None:
        self.starts = array("Q", starts)
        self.ends = array("Q", ends)


class _Names(dict[bytes, str]):
    """Contexts by the caller in a stamp, b"" without one."""

    def __missing__(self, caller: bytes) -> str:
        name = self[caller] = caller.decode() if caller else CONSOLE
        return name


class Console:
    """A log without carriage returns; positions are in `log` unless said otherwise."""

    def __init__(self, raw: bytes) -> None:
        self.log = raw.replace(b"\r", b"")
        self._raw = raw

    @cached_property
    def _returns(self) -> "array[int]":
        """Where in `log` each carriage return was taken out."""
        if len(self._raw) == len(self.log):
            return array("Q")
        found = re.finditer(rb"\r", self._raw)
        return array("Q", (match.start() - index for index, match in enumerate(found)))

    def raw_start(self, position: int) -> int:
        """Return where in the raw log a byte at `position` is."""
        return position + bisect_right(self._returns, position)

    def raw_end(self, position: int) -> int:
        """Return where in the raw log the text that ends before `position` ends."""
        return position + bisect_left(self._returns, position)

    def beside(self, position: int, distance: int) -> int:
        """Return the position that is `distance` bytes of the raw log after one, or before it if negative."""
        raw = self.raw_start(position) + distance
        before = bisect_left(range(len(self._returns)), raw, key=lambda index: self._returns[index] + index)
        return raw - before

    def line_at(self, position: int) -> tuple[int, int]:
        """Return start and end of the line that holds `position`, without its newline."""
        end = self.log.find(b"\n", position)
        return self.log.rfind(b"\n", 0, position) + 1, len(self.log) if end < 0 else end

    def lines_with(self, needle: bytes) -> Iterator[tuple[int, int, int]]:
        """Yield where a needle first is in each line that has it, and the line's bounds."""
        position = self.log.find(needle)
        while position >= 0:
            start, end = self.line_at(position)
            yield position, start, end
            position = self.log.find(needle, end)

    def lines_with_any(self, needles: Needles) -> Iterator[tuple[int, int]]:
        """Yield the bounds of each line that has one of several needles."""
        past = -1
        for position in needles.positions(self.log):
            if position > past:
                start, past = self.line_at(position)
                yield start, past

    def split_prefix(self, start: int, end: int) -> tuple[str, int]:
        """Return the context of the line from `start` to `end`, and where its own text begins."""
        match = _STAMP.match(self.log, start, end) or (start in self._late and _LATE_STAMP.match(self.log, start, end))
        if not match:
            return UNPREFIXED, start
        caller: bytes | None = match[1]
        return caller.decode() if caller else CONSOLE, self.log.find(b"] ", start, end) + 2

    @cached_property
    def _late(self) -> frozenset[int]:
        """Starts of the lines that may have something before printk's stamp."""
        return frozenset(start for needle in _BEFORE_STAMP for _, start, _ in self.lines_with(needle))

    def by_context(self) -> dict[str, Lines]:
        """Return every line of the log under its context."""
        contexts: defaultdict[str, Lines] = defaultdict(Lines)
        late, names, position = self._late, _Names(), 0
        for stamp, caller, text in _LINE.findall(self.log):
            start = position + len(stamp)
            end = start + len(text)
            if stamp:
                context = names[caller]
            elif position in late:
                context, start = self.split_prefix(position, end)
            else:
                context = UNPREFIXED
            position = end + 1
            lines = contexts[context]
            lines.starts.append(start)
            lines.ends.append(end)
        return contexts

    def text(self, start: int, end: int) -> str:
        """Return a line's text, at most LONGEST bytes of it."""
        return self.log[start : min(end, start + LONGEST)].decode(errors="replace")

    def texts(self, starts: Iterable[int], ends: Iterable[int]) -> list[str]:
        """Return the texts of several lines."""
        log = self.log
        bounds = zip(starts, ends, strict=True)
        lines = [log[start:end] if end - start < LONGEST else log[start : start + LONGEST] for start, end in bounds]
        return b"\n".join(lines).decode(errors="replace").split("\n") if lines else []
