"""A stretch of a console log to its reports. No I/O."""

import re
from collections.abc import Sequence
from dataclasses import replace

from rig.model import Report
from rig.reports import details, naming, signature, titles, traces
from rig.reports.console import Console
from rig.reports.cut import Cut, Cutter
from rig.reports.naming import Name
from rig.reports.openings import Opening
from rig.reports.types import type_of
from rig.reports.untangle import mixed

_EXECUTOR = re.compile(r" Comm: syz\.(\d+)\.(\d+) ")


class Block:
    """What the reports of a stretch have in common; `seen` reports came before it, and `offset` bytes."""

    def __init__(self, console: Console, found: Sequence[Opening], *, seen: int, offset: int) -> None:
        self._console = console
        self._offset = offset
        self._cutter = Cutter(console, found, seen)
        self._names: dict[tuple[int, int, tuple[str, ...]], Name] = {}  # a flood repeats itself
        self._apart: dict[int, dict[int, tuple[Cut, Name]]] = {}

    def report(self, opening: Opening) -> Report:
        """Return the report it opens; `end` is that of the opening line."""
        piece, called = self._read(opening)
        text = "\n".join((*piece.before, *piece.lines))
        executor = _EXECUTOR.search(text)
        own = traces.own(piece.lines)
        report = Report(
            title=called.title,
            alt_titles=called.alt_titles,
            type=type_of(called.title),
            frame=titles.frame(called.title),
            corrupted=bool(called.damage),
            corrupted_reason=called.damage,
            executor=f"proc={executor[1]}, id={executor[2]}" if executor else None,
            context=piece.context,
            start=self._offset + self._console.raw_start(opening.start),
            end=self._offset + self._console.raw_end(opening.end),
            text=text,
            lead=len(piece.before),
            message=details.message(piece.before, own),
            traces=traces.traces(own),
            access=details.access(own),
            locks=details.locks(own),
        )
        return replace(report, signature=signature.signature(report))

    def _read(self, opening: Opening) -> tuple[Cut, Name]:
        tangle = self._cutter.tangle(opening)
        if len(tangle) > 1:
            if tangle[0].start not in self._apart:
                self._apart[tangle[0].start] = self._untangled(tangle)
            apart = self._apart[tangle[0].start]
            if opening.start in apart:
                return apart[opening.start]
        return self._plain(opening)

    def _plain(self, opening: Opening) -> tuple[Cut, Name]:
        piece = self._cutter.cut(opening)
        return piece, self._name(opening, piece)

    def _untangled(self, tangle: Sequence[Opening]) -> dict[int, tuple[Cut, Name]]:
        """Return reports by where they open, told apart; none if they can be read as the conventions cut them.

        Nor if the title of one is in doubt then: its lines are lost, not mixed with others.
        """
        plain = [self._plain(opening) for opening in tangle]
        if not any(_doubtful(piece, name) for piece, name in plain):
            return {}
        pieces = self._cutter.untangled(tangle)
        if not pieces:
            return {}
        names = [self._name(opening, piece) for opening, piece in zip(tangle, pieces, strict=True)]
        if not all(name.sure for name in names):
            return {}
        read = zip(pieces, names, strict=True)
        return {opening.start: one for opening, one in zip(tangle, read, strict=True)}

    def _name(self, opening: Opening, piece: Cut) -> Name:
        key = (id(opening.group), piece.window, piece.lines)
        if key not in self._names:
            header = self._console.text(opening.header, opening.end)
            self._names[key] = naming.name(opening.group, header, piece.lines, piece.window)
        return self._names[key]


def _doubtful(piece: Cut, name: Name) -> bool:
    """Whether a report may have lost its lines to another one."""
    return mixed(piece.lines) or (not name.sure and piece.window < len(piece.lines))
