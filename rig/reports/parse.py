"""A console log to its reports, in one pass. No I/O."""

import re
from collections.abc import Iterator, Sequence

from rig.model import Report
from rig.reports import cut, naming, titles
from rig.reports.console import Console
from rig.reports.cut import Cut, Cutter, Opening
from rig.reports.naming import Name
from rig.reports.types import type_of

_PANIC = b"Kernel panic - not syncing"
_DISCONNECTED = b"serialport: VM disconnected."
_EXECUTOR = re.compile(r" Comm: syz\.(\d+)\.(\d+) ")
_SUPPRESSED = (  # by trouble of whoever ran the test, anywhere in the log
    re.compile(rb"Out of memory: Kill(?:ed)? process [^\n]{0,100}\((?:syz-executor|sshd)\)"),
    re.compile(rb"runtime: out of memory"),
    re.compile(rb"SYZFAIL: SIGBUS"),
    re.compile(rb"signal SIGBUS"),
    re.compile(rb"INIT: PANIC: segmentation violation!"),
    re.compile(rb"\*\*\* stack smashing detected \*\*\*: terminated"),
)


def parse(log: bytes) -> tuple[Report, ...]:
    """Return every report of a console log, in console order.

    Any bytes will do; the cost is linear in them. Titles follow syzkaller's conventions (see `families`).
    """
    console = Console(log)
    found = cut.openings(console)
    return tuple(_Reader(console, found).reports()) if found else ()


class _Reader:
    """What the reports of a log have in common."""

    def __init__(self, console: Console, found: Sequence[Opening]) -> None:
        self._console = console
        self._found = found
        self._cutter = Cutter(console, found)
        self._names: dict[tuple[int, int, tuple[str, ...]], Name] = {}  # a flood repeats itself
        self._end = console.raw_end(found[-1].end)
        self._last_panic = console.log.rfind(_PANIC)
        self._suppressed = any(trouble.search(console.log) for trouble in _SUPPRESSED)
        self._damage = "the VM was lost" if _DISCONNECTED in console.log else ""

    def reports(self) -> Iterator[Report]:
        """Yield the reports in console order."""
        parsed = 0
        for opening in self._found:
            yield self._report(opening, panicked=self._last_panic >= parsed)
            parsed = opening.end

    def _report(self, opening: Opening, *, panicked: bool) -> Report:
        piece = self._cutter.cut(opening)
        called = self._name(opening, piece)
        damage = called.damage or self._damage
        text = "\n".join((*piece.before, *piece.lines))
        executor = _EXECUTOR.search(text)
        return Report(
            title=called.title,
            alt_titles=called.alt_titles,
            type=type_of(called.title),
            frame=titles.frame(called.title),
            corrupted=bool(damage),
            corrupted_reason=damage,
            suppressed=self._suppressed,
            panicked=panicked,
            executor=f"proc={executor[1]}, id={executor[2]}" if executor else None,
            context=piece.context,
            start=self._console.raw_start(opening.start),
            end=self._end,
            text=text,
            lead=len(piece.before),
        )

    def _name(self, opening: Opening, piece: Cut) -> Name:
        key = (id(opening.group), piece.window, piece.lines)
        if key not in self._names:
            header = self._console.text(opening.header, opening.end)
            self._names[key] = naming.name(opening.group, header, piece.lines, piece.window)
        return self._names[key]
