"""What patches change, so that it can be marked in a trace. No I/O."""

import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from unidiff.errors import UnidiffParseError
from unidiff.patch import Hunk, Line, PatchedFile, PatchSet

from rig.errors import PatchError

Side = Literal["base", "patched"]
_Range = tuple[int, int]  # first and last line

# Kernel style: a function's first line starts at the margin, and so does the brace that ends it.
_FUNCTION = re.compile(r"(?:[A-Za-z_][\w \t*]*[ \t*])?(\w+)\((?!.*;\s*$)", re.ASCII)
_SYSCALL = re.compile(r"SYSCALL_DEFINE\d\((\w+)", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What is changed in one file: functions, and lines with those around them that a patch shows."""

    lines: tuple[_Range, ...] = ()
    functions: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Touched:
    """What patches change, by file relative to the source tree."""

    files: Mapping[str, Change] = field(default_factory=dict)

    def has(self, function: str, file: str, line: int) -> bool:
        """Say whether the patches change what is around a place; the function may end in .isra.0 and the like."""
        change = self.files.get(file, Change())
        return function.partition(".")[0] in change.functions or any(a <= line <= b for a, b in change.lines)


@dataclass(frozen=True, slots=True)
class _Move:
    """A hunk's lines on the side asked for, and on the other."""

    start: int
    length: int
    other_start: int
    other_length: int


def touched(patches: Sequence[str], side: Side = "patched") -> Touched:
    """Return what `patches`, applied in order, change, in line numbers of the kernel before or after all of them.

    Raises PatchError for text that is no patch.
    """
    files: dict[str, Change] = {}
    for text in patches if side == "patched" else reversed(patches):
        for file in read(text):
            path = file.path
            files[path] = _merged(files.get(path, Change()), file, side)
    return Touched(files=files)


def read(text: str) -> Iterable[PatchedFile]:
    """Return what a patch changes, file by file; raises PatchError for text that is none."""
    try:
        return list(PatchSet(io.StringIO(text, newline="\n")))
    except UnidiffParseError as error:
        raise PatchError(f"not a valid patch: {error}", hint="was it cut or edited?") from error


def _merged(before: Change, file: PatchedFile, side: Side) -> Change:
    moves = [_move(hunk, side) for hunk in file]
    lines = (
        *((_moved(first, moves), _moved(last, moves)) for first, last in before.lines),
        *((move.start, move.start + max(move.length, 1) - 1) for move in moves),
    )
    names = (name for hunk in file for line, name in functions(hunk) if name and (line.is_added or line.is_removed))
    return Change(lines=tuple(sorted(lines)), functions=before.functions.union(names))


def _move(hunk: Hunk, side: Side) -> _Move:
    source, target = (hunk.source_start, hunk.source_length), (hunk.target_start, hunk.target_length)
    return _Move(*target, *source) if side == "patched" else _Move(*source, *target)


def _moved(line: int, moves: Sequence[_Move]) -> int:
    """Return where a line of the other side is on this one; inside a hunk, about where."""
    shift = 0
    for move in moves:
        if line < move.other_start:
            break
        inside = line - move.other_start
        if inside < move.other_length:
            return move.start + min(inside, max(move.length, 1) - 1)
        shift += move.length - move.other_length
    return line + shift


def functions(hunk: Hunk) -> Iterator[tuple[Line, str]]:
    """Yield the lines of a hunk, each with the function it is in, "" outside of all."""
    current = _defined(hunk.section_header)
    for line in hunk:
        current = _defined(line.value) or current
        yield line, current
        if line.value.startswith("}"):
            current = ""


def _defined(line: str) -> str:
    """Return the function that a line begins to define."""
    syscall = _SYSCALL.match(line.removeprefix("COMPAT_"))
    if syscall:
        return f"__do_sys_{syscall[1]}"
    found = _FUNCTION.match(line[:300])
    return found[1] if found else ""
