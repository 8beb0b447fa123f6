"""Lines of source around a place."""

from itertools import islice
from pathlib import Path

from rig.model import Location

LONGEST = 200  # of a line, characters


def source(location: Location, tree: Path, around: int = 2) -> tuple[tuple[int, str], ...]:
    """Return the lines of a file in `tree` around a location, with their numbers; () if there are none to be had.

    A report may name any file: nothing outside the tree is read. The tree should be what the kernel was built from.
    """
    try:
        return _lines(location, tree.resolve(), around)
    except (OSError, ValueError, RuntimeError):  # a name too long, with a NUL in it, of links in a circle
        return ()


def _lines(location: Location, root: Path, around: int) -> tuple[tuple[int, str], ...]:
    path = (root / location.file).resolve()
    if not path.is_relative_to(root) or not path.is_file() or not location.line:
        return ()
    first = max(location.line - around, 1)
    with path.open(errors="replace") as file:
        lines = [line.rstrip("\n")[:LONGEST] for line in islice(file, first - 1, location.line + around)]
    return tuple(enumerate(lines, first)) if first + len(lines) > location.line else ()
