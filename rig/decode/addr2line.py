"""Addresses to places in the source, by addr2line."""

import asyncio
import re
import shutil
from asyncio.subprocess import PIPE
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryFile

from rig import proc
from rig.errors import InputError

LIMIT = 300.0  # seconds: a kernel takes half of one

_ADDRESS = re.compile(r"0x[0-9a-f]+$", re.ASCII)
_FILE = re.compile(r"(.+?):(\d+|\?)(?: \(discriminator \d+\))?$", re.ASCII)


@dataclass(frozen=True, slots=True)
class Place:
    """A line of a function, inlined or not; `file` as the compiler called it, `line` 0 if unknown."""

    function: str
    file: str
    line: int


async def locate(path: Path, section: str, addresses: Iterable[int]) -> dict[int, tuple[Place, ...]]:
    """Return what is at addresses of a file, the innermost inlined function first; () where it doesn't say.

    In a module addresses count from the start of `section`.
    """
    wanted = sorted(set(addresses))
    argv: tuple[str | Path, ...] = (*_program(section), "-a", "-f", "-i", "-e", path)
    with TemporaryFile() as stdin:
        stdin.write("".join(f"{address:#x}\n" for address in wanted).encode())
        stdin.seek(0)
        async with proc.spawn(argv, stdin=stdin, stdout=PIPE, stderr=asyncio.subprocess.DEVNULL) as process:
            try:
                async with asyncio.timeout(LIMIT):
                    output, _ = await process.communicate()
            except TimeoutError:
                raise proc.LimitError(f"{argv[0]}: no end after {LIMIT:g} s with {path}, killed") from None
    if process.returncode:
        raise InputError(f"{argv[0]} can't read {path}", hint="is it whole? rebuild it")
    return dict(_blocks(output.decode(errors="replace").splitlines()))


def _program(section: str) -> tuple[str, ...]:
    """Return which addr2line to run.

    That of binutils 2.40 takes the files of DWARF 5 for others where a file begins with a function from a header
    (one address in fifty of a kernel), so LLVM's comes first; but that one knows no sections.
    """
    if section:
        return ("addr2line", "-j", section)
    return ("llvm-addr2line" if shutil.which("llvm-addr2line") else "addr2line",)


def _blocks(lines: Sequence[str]) -> Iterator[tuple[int, tuple[Place, ...]]]:
    """Yield each address with the pairs of lines below it."""
    starts = [number for number, line in enumerate(lines) if _ADDRESS.match(line)]
    for start, end in pairwise([*starts, len(lines)]):
        pairs = zip(lines[start + 1 : end : 2], lines[start + 2 : end : 2], strict=False)
        yield int(lines[start], 16), tuple(place for function, where in pairs if (place := _place(function, where)))


def _place(function: str, where: str) -> Place | None:
    found = _FILE.match(where)
    line = int(found[2]) if found and found[2] != "?" else 0
    if not found or found[1] == "??" or not (line or "/" in found[1]):  # a bare name is only the symbol table's
        return None
    return Place("" if function == "??" else function, found[1], line)
