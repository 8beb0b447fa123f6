"""A stretch of a console log to its reports. No I/O."""

import re
from collections.abc import Sequence

from rig.model import Report
from rig.reports import naming, titles
from rig.reports.console import Console
from rig.reports.cut import Cut, Cutter
from rig.reports.naming import Name
from rig.reports.openings import Opening
from rig.reports.types import type_of

_EXECUTOR = re.compile(r" Comm: syz\.(\d+)\.(\d+) ")


class Block:
    """What the reports of a stretch have in common; `seen` reports came before it."""

    def __init__(self, console: Console, found: Sequence[Opening], seen: int) -> None:
        self._console = console
        self._cutter = Cutter(console, found, seen)
        self._names: dict[tuple[int, int, tuple[str, ...]], Name] = {}  # a flood repeats itself

    def report(self, opening: Opening) -> Report:
        """Return the report it opens; positions are in the raw stretch, `end` is that of the opening line."""
        piece, called = self._read(opening)
        text = "\n".join((*piece.before, *piece.lines))
        executor = _EXECUTOR.search(text)
        return Report(
            title=called.title,
            alt_titles=called.alt_titles,
            type=type_of(called.title),
            frame=titles.frame(called.title),
            corrupted=bool(called.damage),
            corrupted_reason=called.damage,
            executor=f"proc={executor[1]}, id={executor[2]}" if executor else None,
            context=piece.context,
            start=self._console.raw_start(opening.start),
            end=self._console.raw_end(opening.end),
            text=text,
            lead=len(piece.before),
        )

    def _read(self, opening: Opening) -> tuple[Cut, Name]:
        piece = self._cutter.cut(opening)
        called = self._name(opening, piece)
        if called.damage and (apart := self._cutter.untangled(opening)):
            better = self._name(opening, apart)
            return (piece, called) if better.damage else (apart, better)
        return piece, called

    def _name(self, opening: Opening, piece: Cut) -> Name:
        key = (id(opening.group), piece.window, piece.lines)
        if key not in self._names:
            header = self._console.text(opening.header, opening.end)
            self._names[key] = naming.name(opening.group, header, piece.lines, piece.window)
        return self._names[key]
