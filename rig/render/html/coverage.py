"""Which lines of the patch ran, as the page shows it beside them. No I/O."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from rig.model import ChangedLine, Coverage
from rig.render.html.patch import Patch

State = Literal["ran", "never", "silent"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """What is said of one line."""

    state: State
    text: str  # "104×", "never", "" for a line without code
    hint: str  # in words


@dataclass(frozen=True, slots=True, kw_only=True)
class Missed:
    """A changed line that never ran, and where the page shows it."""

    line: ChangedLine
    href: str  # "" if the patch is cut before it


def cells(covered: Coverage, patch: Patch) -> dict[str, Cell]:
    """Return what is said of each added line of `patch`, by the line's id."""
    return dict(_cells(covered, patch))


def _cells(covered: Coverage, patch: Patch) -> Iterator[tuple[str, Cell]]:
    for line in covered.lines:
        if name := patch.places.get(("patched", line.file, line.line)):
            yield name, _cell(line)


def _cell(line: ChangedLine) -> Cell:
    if line.count is None:
        return Cell(state="silent", text="", hint="no code of its own")
    if not line.count:
        return Cell(state="never", text="never", hint="never ran")
    under = f" under {', '.join(line.workloads)}" if line.workloads else ""
    return Cell(state="ran", text=f"{_many(line.count)}×", hint=f"ran {line.count} times{under}")


def _many(count: int) -> str:
    """Return a count in four characters or less."""
    for unit, size in (("G", 10**9), ("M", 10**6), ("k", 10**3)):
        if count >= size:
            return f"{min(count // size, 999)}{unit}"
    return str(count)


def missed(lines: tuple[ChangedLine, ...], patch: Patch) -> tuple[Missed, ...]:
    """Return `lines` with the ids of where the page shows them."""
    return tuple(Missed(line=line, href=patch.places.get(("patched", line.file, line.line), "")) for line in lines)
