"""What the kernel in a guest has counted of its own work so far, fetched for gcov."""

import io
import tarfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from rig.guest.machine import Guest
from rig.guest.shell import Shell, ShellError

LIMIT = 60.0  # seconds
SUFFIX = ".gcda"
# The files say that they are empty, so they are copied before they are packed. Each is the state when it is opened.
COPY = """
to=/tmp/.rig-gcov; rm -rf $to; mkdir $to && cd /sys/kernel/debug/gcov || exit
find . -name '*.gcda' | while read -r file; do mkdir -p "$to/${file%/*}" && cat "$file" > "$to/$file"; done
cd $to && tar -cf archive $(ls)
"""
ARCHIVE = "/tmp/.rig-gcov/archive"


async def fetch(guest: Guest, notes: Path, to: Path) -> None:
    """Put the counters of the objects with `notes` into `to`, by the same paths; none at all if they can't be had."""
    archive = to.with_name(f"{to.name}.tar")
    with suppress(ShellError, TimeoutError, tarfile.TarError, OSError):
        await guest.during(_copied(guest.shell, archive), what="fetching counters", limit=LIMIT, silence=LIMIT)
        _unpack(archive, notes, to)
    archive.unlink(missing_ok=True)


async def _copied(shell: Shell, archive: Path) -> None:
    archive.parent.mkdir(parents=True, exist_ok=True)
    await shell.run(COPY)
    await shell.get(ARCHIVE, archive)


def _unpack(archive: Path, notes: Path, to: Path) -> None:
    """Write what fits a note. Names come from the guest: they choose among ours, and nothing else is written."""
    objects = [str(note.relative_to(notes).with_suffix(SUFFIX)) for note in notes.rglob("*.gcno")]
    for name, counters in _members(archive):
        fitting = [each for each in objects if f"/{name}".endswith(f"/{each}")]
        if fitting:
            path = to / max(fitting, key=len)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(counters)


def _members(archive: Path) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(fileobj=io.BytesIO(archive.read_bytes())) as packed:
        for member in packed:
            if content := packed.extractfile(member) if member.isfile() else None:
                yield member.name, content.read()
