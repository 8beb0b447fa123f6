"""A console log to its reports: in one pass, in memory that doesn't grow with the log. No I/O."""

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import replace

from rig.model import Report
from rig.reports import cut, openings
from rig.reports.block import Block
from rig.reports.console import LONGEST, Console, Needles

BLOCK = 8 << 20  # bytes read before the reports in them are looked for

_PANIC = b"Kernel panic - not syncing"
_DISCONNECTED = b"serialport: VM disconnected."
_SUPPRESSING = re.compile(  # trouble of whoever ran the test
    rb"Out of memory: Kill(?:ed)? process [^\n]{0,100}\((?:syz-executor|sshd)\)"
    rb"|runtime: out of memory"
    rb"|SYZFAIL: SIGBUS"
    rb"|signal SIGBUS"
    rb"|INIT: PANIC: segmentation violation!"
    rb"|\*\*\* stack smashing detected \*\*\*: terminated"
)
_NOTABLE = Needles(
    *(_PANIC, _DISCONNECTED),
    *(b"Out of memory: Kill", b"runtime: out of", b"SIGBUS", b"INIT: PANIC:", b"stack smashing"),
)


def parse(log: bytes) -> tuple[Report, ...]:
    """Return every report of a console log, in console order.

    Any bytes will do; the cost is linear in them. Titles follow syzkaller's conventions (see `families`).
    """
    return parse_chunks((log,))


def parse_chunks(chunks: Iterable[bytes]) -> tuple[Report, ...]:
    """Return every report of a console log that comes in pieces, cut anywhere."""
    stream = Stream()
    found = [report for chunk in chunks for report in stream.feed(chunk)]
    found += stream.flush()
    return tuple(map(stream.settle, found))


class Stream:
    """Reads a console log piece by piece, and keeps no more of it than a report can reach."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._size = 0  # of the pieces
        self._offset = 0  # in the log, of the first of them
        self._since = 0  # in them, where looking for reports goes on
        self._seen = 0  # reports so far
        self._end = 0  # in the log, of the last line that opens a report
        self._last_panic = -1  # in the log
        self._suppressed = False
        self._disconnected = False

    def feed(self, chunk: bytes) -> Iterator[Report]:
        """Yield the reports that are whole by now: those that open above what one can reach, to the end of its line."""
        reach = cut.SPAN + LONGEST
        for at in range(0, len(chunk), BLOCK):
            self._pieces.append(chunk[at : at + BLOCK])
            self._size += len(self._pieces[-1])
            if self._size - self._since >= BLOCK + reach:
                yield from self._reports(self._size - reach)

    def flush(self, late: int = 0) -> Iterator[Report]:
        """Yield the reports in what was fed so far, as if the log ended there.

        Those that open in the last `late` bytes are left for later.
        """
        if self._size - late > self._since:
            yield from self._reports(self._size - late)

    def settle(self, report: Report) -> Report:
        """Return a report with what depends on the rest of the log, as far as that is known."""
        return replace(
            report,
            end=self._end,
            panicked=self._last_panic >= report.start,
            suppressed=self._suppressed,
            corrupted=report.corrupted or self._disconnected,
            corrupted_reason=report.corrupted_reason or ("the VM was lost" if self._disconnected else ""),
        )

    def _reports(self, until: int) -> Iterator[Report]:
        """Yield the reports that open before `until`, and drop what no later one reaches."""
        raw = b"".join(self._pieces)
        self._note(raw)
        console = Console(raw)
        found = openings.find(console)
        starts = [console.raw_start(opening.start) for opening in found]
        first, last = bisect_left(starts, self._since), bisect_left(starts, until)
        if first < last:
            block = Block(console, found, seen=self._seen - first, offset=self._offset)
            self._end = self._offset + console.raw_end(found[last - 1].end)
            self._seen += last - first
            yield from map(block.report, found[first:last])
        self._keep(raw, until)

    def _note(self, raw: bytes) -> None:
        """Take down what says something about all reports."""
        if not _NOTABLE.positions(raw):
            return
        panic = raw.rfind(_PANIC)
        if panic >= 0:
            self._last_panic = self._offset + panic
        self._disconnected |= _DISCONNECTED in raw
        self._suppressed |= _SUPPRESSING.search(raw) is not None

    def _keep(self, raw: bytes, since: int) -> None:
        kept = raw[max(0, since - cut.BACK) :]
        self._pieces, self._size = [kept], len(kept)
        self._offset += len(raw) - len(kept)
        self._since = since - (len(raw) - len(kept))
