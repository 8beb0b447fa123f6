"""The lines of a log that open a report. No I/O."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from rig.reports import beyond, families
from rig.reports.console import LONGEST, Console, Needles
from rig.reports.rules import Group

GROUPS = (*families.GROUPS, *beyond.GROUPS)
_HEADERS = Needles(*(header.encode() for group in GROUPS for header in group.headers))
_REPLAYING = b"** replaying previous printk message **"


@dataclass(frozen=True, slots=True)
class Opening:
    """A line that opens a report."""

    start: int
    end: int
    header: int  # where what it was recognised by begins
    group: Group
    harmless: bool  # belongs to the report before it


def find(console: Console) -> list[Opening]:
    """Return the lines that open a report, in console order."""
    lines = console.lines_with_any(_HEADERS)
    found = (opening for start, end in lines if (opening := _opening(console, start, end)))
    return _standing(console, [opening for opening in found if not _replayed(console, opening)])


def _standing(console: Console, found: Sequence[Opening]) -> list[Opening]:
    """Return what is left when the lines beyond the conventions have given way to those of the conventions."""
    if not any(opening.group.beyond for opening in found):
        return list(found)
    contexts = [console.split_prefix(opening.start, opening.end)[0] for opening in found]
    conventional: defaultdict[str, list[int]] = defaultdict(list)
    for opening, context in zip(found, contexts, strict=True):
        if not opening.group.beyond:
            conventional[context].append(opening.start)
    return [
        opening
        for opening, context in zip(found, contexts, strict=True)
        if not (opening.group.beyond and beyond.belongs(opening.start, opening.group, conventional[context]))
    ]


def _opening(console: Console, start: int, end: int) -> Opening | None:
    """Return what a line opens by the first group that has its header and doesn't ignore it."""
    for group in GROUPS:
        for header in group.headers:
            position = console.log.find(header.encode(), start, end)
            if position >= 0 and not _ignored(console, group, position, start, end):
                return Opening(start, end, position, group, _harmless(console, start, end))
    return None


def _ignored(console: Console, group: Group, position: int, start: int, end: int) -> bool:
    if group.beyond:
        return not beyond.opens(group, console.text(console.split_prefix(start, end)[1], end))
    near = max(start, position - LONGEST), min(end, position + LONGEST)
    return group.ignore is not None and group.ignore.search(console.log, *near) is not None


def _harmless(console: Console, start: int, end: int) -> bool:
    return any(console.log.find(text, start, end) >= 0 for text in families.HARMLESS)


def _replayed(console: Console, opening: Opening) -> bool:
    start = opening.end + 1
    return start < len(console.log) and console.log.find(_REPLAYING, *console.line_at(start)) >= 0
