"""The patch of a run line by line, so that places in traces can be found in it. No I/O."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from unidiff.errors import UnidiffParseError
from unidiff.patch import Hunk, PatchedFile, PatchSet

from rig.model import Location

MOST_LINES = 4000  # of a patch that are shown

SideName = Literal["base", "patched"]
_SIGNS = {"+": "add", "-": "del"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line; `old` and `new` are its numbers before and after, None where it is not there."""

    id: str
    kind: str  # "add", "del", "" for what stays, "hunk" for the line above each hunk
    text: str
    old: int | None = None
    new: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """What changes in one file."""

    id: str
    path: str
    added: int
    removed: int
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Patch:
    """A patch as it is shown; `raw` instead of files where it can't be read."""

    files: tuple[File, ...] = ()
    left_out: int = 0  # lines
    raw: str = ""
    places: Mapping[tuple[SideName, str, int], str] = field(default_factory=dict)  # ids, by side, path and line

    def id_of(self, side: SideName, place: Location) -> str:
        """Return the id of the line at `place`, else of its file if the patch touches that place; "" if neither."""
        whole = next((file.id for file in self.files if file.path == place.file and place.patched), "")
        return self.places.get((side, place.file, place.line), whole)


def parse(text: str) -> Patch:
    """Return the patch that is `text`, no more than MOST_LINES of it."""
    lines = text.splitlines(keepends=True)
    try:
        found = PatchSet(text)
    except UnidiffParseError:
        return Patch(raw="".join(lines[:MOST_LINES]), left_out=max(0, len(lines) - MOST_LINES))
    files = tuple(_file(number, file) for number, file in enumerate(found, 1))
    shown = tuple(_cut(files))
    left_out = sum(len(file.lines) for file in files) - sum(len(file.lines) for file in shown)
    return Patch(files=shown, left_out=left_out, places=dict(_places(shown)))


def _file(number: int, file: PatchedFile) -> File:
    name = f"p{number}"
    return File(
        id=name,
        path=file.path,
        added=file.added,
        removed=file.removed,
        lines=tuple(line for count, hunk in enumerate(file, 1) for line in _hunk(f"{name}-{count}", hunk)),
    )


def _hunk(name: str, hunk: Hunk) -> Iterator[Line]:
    head = f"@@ -{hunk.source_start},{hunk.source_length} +{hunk.target_start},{hunk.target_length} @@"
    yield Line(id=name, kind="hunk", text=f"{head} {hunk.section_header}".rstrip())
    for number, line in enumerate(hunk, 1):
        yield Line(
            id=f"{name}-{number}",
            kind=_SIGNS.get(line.line_type, ""),
            text=line.value.rstrip("\r\n"),
            old=line.source_line_no,
            new=line.target_line_no,
        )


def _cut(files: tuple[File, ...]) -> Iterator[File]:
    left = MOST_LINES
    for file in files:
        kept = file.lines[: max(left, 0)]
        left -= len(kept)
        yield File(id=file.id, path=file.path, added=file.added, removed=file.removed, lines=kept)


def _places(files: tuple[File, ...]) -> Iterator[tuple[tuple[SideName, str, int], str]]:
    for file in files:
        for line in file.lines:
            if line.old:
                yield ("base", file.path, line.old), line.id
            if line.new:
                yield ("patched", file.path, line.new), line.id
