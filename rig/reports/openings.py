"""The lines of a log that open a report. No I/O."""

from dataclasses import dataclass

from rig.reports import families
from rig.reports.console import LONGEST, Console, Needles
from rig.reports.rules import Group

_HEADERS = Needles(*(header.encode() for group in families.GROUPS for header in group.headers))
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
    return [opening for opening in found if not _replayed(console, opening)]


def _opening(console: Console, start: int, end: int) -> Opening | None:
    """Return what a line opens by the first group that has its header and doesn't ignore it."""
    for group in families.GROUPS:
        for header in group.headers:
            position = console.log.find(header.encode(), start, end)
            if position >= 0 and not _ignored(console, group, position, start, end):
                return Opening(start, end, position, group, _harmless(console, start, end))
    return None


def _ignored(console: Console, group: Group, position: int, start: int, end: int) -> bool:
    near = max(start, position - LONGEST), min(end, position + LONGEST)
    return group.ignore is not None and group.ignore.search(console.log, *near) is not None


def _harmless(console: Console, start: int, end: int) -> bool:
    return any(console.log.find(text, start, end) >= 0 for text in families.HARMLESS)


def _replayed(console: Console, opening: Opening) -> bool:
    start = opening.end + 1
    return start < len(console.log) and console.log.find(_REPLAYING, *console.line_at(start)) >= 0
