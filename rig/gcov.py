"""What gcov says in its JSON, as values. No I/O."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pydantic import BaseModel, ValidationError

_Line = tuple[str, int]  # a file as the compiler named it, and a line of it


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """A function that the compiler made code of, and where it is."""

    file: str
    name: str
    first: int
    last: int  # line of its closing brace


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """How often lines ran, those that have code."""

    lines: Mapping[_Line, int]
    functions: frozenset[Function]


class _LineRead(BaseModel):
    line_number: int
    count: int


class _FunctionRead(BaseModel):
    name: str
    start_line: int
    end_line: int


class _FileRead(BaseModel):
    file: str
    lines: list[_LineRead]
    functions: list[_FunctionRead]


class _Document(BaseModel):
    files: list[_FileRead]


def counted(documents: Iterable[bytes]) -> Counted:
    """Return what gcov's documents, one an object, say together; a header's lines ran as often as in all objects."""
    files = [file for document in documents for file in _files(document)]
    lines: Counter[_Line] = Counter()
    for file in files:
        for line in file.lines:
            lines[file.file, line.line_number] += max(line.count, 0)
    functions = (
        Function(file=file.file, name=each.name, first=each.start_line, last=each.end_line)
        for file in files
        for each in file.functions
    )
    return Counted(lines=dict(lines), functions=frozenset(functions))


def _files(document: bytes) -> list[_FileRead]:
    """Return what a document has of files: nothing, if it is none of gcov's."""
    try:
        return _Document.model_validate_json(document).files
    except ValidationError:
        return []
