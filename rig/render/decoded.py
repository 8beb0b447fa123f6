"""The place that a decoded report blames, with its source. No I/O."""

from collections.abc import Sequence

from rich.text import Text

from rig.model import Location
from rig.render.escape import printable


def place(location: Location, source: Sequence[tuple[int, str]]) -> Text:
    """Return a place and the numbered lines of source around it, the one it is at marked; safe for a terminal."""
    where = f"{location.file}:{location.line}"
    told = Text(printable(f"at {where} in {location.function}" if location.function else f"at {where}"), style="bold")
    told.append("\n")
    for number, line in source:
        here = number == location.line
        told.append(f"{'>' if here else ' '} {number:>6}", style="bold red" if here else "dim")
        told.append(f"  {printable(line.expandtabs(8))}".rstrip() + "\n", style="bold" if here else "dim")
    return told
