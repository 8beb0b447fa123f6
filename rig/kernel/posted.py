"""A series as it was posted: a file, a directory, or a Message-ID, put in order by b4."""

import re
import sys
from pathlib import Path

from rig import proc
from rig.errors import InputError
from rig.kernel import patches

BASE = re.compile(r"^base-commit: (?P<commit>[0-9a-f]{40,64})\s*$", re.MULTILINE)
MESSAGE_ID = re.compile(r"<?(?:https?://\S+/)?(?P<id>[^\s<>/]+@[^\s<>/]+?)>?/?")
B4 = (sys.executable, "-m", "b4.command", "--no-interactive", "--no-stdin")
LIMIT = 120.0  # seconds


async def fetch(what: str, directory: Path) -> tuple[Path, ...]:
    """Return the patches, in order, that `what` names; files that b4 makes of it are left in `directory`.

    A directory of patches is taken as it is. Of a mailbox, or what the list archive has under a Message-ID, b4 takes
    the latest version of the series, in order and with the trailers that replies gave. A file that b4 makes nothing
    of is read as patches one after the other. Raises InputError.
    """
    path = Path(what).expanduser()
    if path.is_dir():
        return (path,)
    if path.is_file():
        return await _sorted(("--offline-mode", "am", "-m", path.resolve()), directory) or (path,)
    if found := MESSAGE_ID.fullmatch(what):
        return await _sorted(("am", found["id"]), directory) or _none(what)
    raise InputError(f"there is no series {what}", hint="give a directory, a mailbox, a patch or a Message-ID")


def _none(what: str) -> tuple[Path, ...]:
    raise InputError(
        f"b4 could not get {what}", hint="is the archive reachable? Else save the thread as a mailbox and give that"
    )


async def _sorted(words: tuple[str | Path, ...], directory: Path) -> tuple[Path, ...]:
    made = directory / "b4"
    made.mkdir(parents=True, exist_ok=True)
    await proc.run((*B4, *words, "-o", made), limit=LIMIT, check=False)
    return tuple(sorted(made.glob("*.mbx")))


def base_commit(paths: tuple[Path, ...]) -> str:
    """Return the commit that a series says it is based on, "" if it doesn't."""
    for path in paths:
        for file in (path.parent / f"{path.stem}.cover", *_files(path)):
            if file.is_file() and (found := BASE.search(file.read_text(errors="replace"))):
                return found["commit"]
    return ""


def _files(path: Path) -> list[Path]:
    return sorted(path.iterdir()) if patches.is_series(path) else [path]
