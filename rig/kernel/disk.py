"""Disk space: asked for before work that needs a lot of it, and missed with a way out."""

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rig.errors import HostError
from rig.proc import ProcessError

FULL = "No space left on device"
HINT = "`rig gc` frees what can be made again"


def need(gib: float, where: Path) -> None:
    """Raise HostError unless that much is free at `where`."""
    free = shutil.disk_usage(where).free / 2**30
    if free < gib:
        raise HostError(f"{where}: {free:.1f} GiB of disk free, {gib:g} GiB needed", hint=HINT)


@contextmanager
def watched() -> Iterator[None]:
    """Turn running out of disk, here or in a process, into a HostError."""
    try:
        yield
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        raise HostError(f"{error.filename or 'the cache'}: no space left on the disk", hint=HINT) from error
    except ProcessError as error:
        if FULL not in error.done.output:
            raise
        raise HostError(f"no space left on the disk for {error.done.argv[0]}", hint=HINT) from error
