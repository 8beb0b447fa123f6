"""Whether two trees differ in more than comments."""

import re
from pathlib import PurePosixPath
from tempfile import TemporaryFile

from rig import proc
from rig.kernel import trees

C = (".c", ".h")
STRIP = ("gcc", "-w", "-fpreprocessed", "-dD", "-E", "-P", "-x", "c", "-")  # nothing is included, nothing expanded
BREAK = re.compile(r"\s*\n\s*")
LIMIT = 60.0  # seconds for a file


async def alike(one: str, other: str) -> str:
    """Return why the kernels of two tree objects have the same code, "" if they may not.

    That is more than equal kernels show: the numbers of lines are in there.
    """
    files = await trees.changed(one, other)
    if not files:
        return "" if files is None else "nothing changed"
    code = tuple(file for file in files if not _is_text(file))
    if not code:
        return "only documentation changed"
    return "only comments changed" if all([await _same(one, other, file) for file in code]) else ""


def _is_text(file: str) -> bool:
    path = PurePosixPath(file)
    return path.suffix in (".rst", ".txt", ".md") or path.parts[0] in ("Documentation", "MAINTAINERS", "CREDITS")


async def _same(one: str, other: str, file: str) -> bool:
    if PurePosixPath(file).suffix not in C:
        return False
    before, after = [await _stripped(await trees.text(tree, file)) for tree in (one, other)]
    return before is not None and before == after


async def _stripped(text: str) -> str | None:
    """Return C code without its comments and the way it is broken into lines; None if the compiler won't have it."""
    with TemporaryFile() as source:
        source.write(text.encode())
        source.seek(0)
        done = await proc.run(STRIP, stdin=source, limit=LIMIT, check=False)
    return None if done.status or not text else BREAK.sub("\n", done.output)
