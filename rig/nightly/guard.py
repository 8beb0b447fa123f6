"""One nightly run at a time on a host, and who it is that holds it up."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from rig.errors import HostError


@contextmanager
def alone(path: Path, what: str) -> Iterator[None]:
    """Hold the lock file `path`; raises HostError that names its owner if another rig has it.

    The kernel drops it when the rig dies, however it dies.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    owner = path.with_suffix(".owner")
    lock = FileLock(path)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        raise HostError(f"another rig is at it: {_told(owner)}", hint="wait for it, or stop it with Ctrl-C") from None
    try:
        said = {"pid": os.getpid(), "since": datetime.now(UTC).isoformat(timespec="seconds"), "what": what}
        owner.write_text(json.dumps(said))
        yield
    finally:
        owner.unlink(missing_ok=True)
        lock.release()


def _told(owner: Path) -> str:
    try:
        said = json.loads(owner.read_text())
        return f"process {said['pid']} since {said['since']}: {said['what']}"
    except (OSError, ValueError, KeyError):
        return "it does not say which"
