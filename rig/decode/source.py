"""Lines of source around a place."""

from collections.abc import Iterable
from itertools import islice
from pathlib import Path

from rig.model import Location

LONGEST = 200  # of a line, characters


Numbered = tuple[tuple[int, str], ...]


def source(location: Location, tree: Path, around: int = 2) -> Numbered:
    """Return the lines of a file in `tree` around a location, with their numbers; () if there are none to be had.

    A report may name any file: nothing outside the tree is read. The tree should be what the kernel was built from.
    """
    try:
        path = _inside(tree.resolve(), location.file)
        with path.open(errors="replace") as file:
            return excerpt(file, location.line, around)
    except (OSError, ValueError, RuntimeError):  # not there, not in the tree, a name with a NUL, links in a circle
        return ()


def excerpt(lines: Iterable[str], line: int, around: int = 2) -> Numbered:
    """Return the lines of a file around the one numbered `line`, with their numbers; () if it has no such line."""
    first = max(line - around, 1)
    found = [text.rstrip("\n")[:LONGEST] for text in islice(lines, first - 1, max(line + around, 0))]
    return tuple(enumerate(found, first)) if first <= line < first + len(found) else ()


def _inside(root: Path, name: str) -> Path:
    path = (root / name).resolve()
    if not path.is_relative_to(root) or not path.is_file():
        raise FileNotFoundError(name)
    return path
