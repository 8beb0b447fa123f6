"""The cache directory: locks between rigs, entries that are whole or not at all, scratch space that is swept."""

import asyncio
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, nullcontext
from pathlib import Path

from filelock import FileLock, Timeout

from rig import paths
from rig.progress import Progress

YOUNG = 60.0  # seconds


@asynccontextmanager
async def locked(path: Path, progress: Progress) -> AsyncIterator[None]:
    """Hold the lock file `path`; says so when another rig has it. The kernel drops it when the rig dies."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        progress.note(f"waiting for another rig that holds {path}")
        while not lock.is_locked:
            try:
                lock.acquire(blocking=False)
            except Timeout:
                await asyncio.sleep(0.5)
    try:
        yield
    finally:
        lock.release()


def held(path: Path) -> bool:
    """Whether a living rig holds the lock file `path`; False if there is none."""
    try:
        with FileLock(path, timeout=0) if path.exists() else nullcontext():
            return False
    except Timeout:
        return True


@contextmanager
def published(path: Path) -> Iterator[Path]:
    """Yield a directory to fill that becomes `path` when the context ends well, and vanishes when it doesn't."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{path.name}-", dir=path.parent) as work:
        whole = Path(work) / "whole"
        whole.mkdir()
        yield whole
        if not path.exists():  # another rig may have been faster; entries are named by content
            whole.rename(path)


@contextmanager
def scratch() -> Iterator[Path]:
    """Yield a private directory with a short path (sockets live in it), removed afterwards.

    What rigs left that were killed is swept first: a directory nobody holds the lock of.
    """
    root = Path(tempfile.gettempdir()) / f"rig-{os.getuid()}"
    root.mkdir(mode=0o700, exist_ok=True)
    _sweep(root)
    with tempfile.TemporaryDirectory(dir=root, prefix="t") as name:
        handle = os.open(name, os.O_RDONLY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield Path(name)
        finally:
            os.close(handle)


def _sweep(root: Path) -> None:
    """Remove what nobody holds; something young may belong to a rig that is about to lock it."""
    for stale in root.iterdir():
        if time.time() - stale.stat().st_mtime < YOUNG:
            continue
        try:
            handle = os.open(stale, os.O_RDONLY)
        except OSError:
            continue
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(stale, ignore_errors=True)
        except OSError:
            pass  # a living rig has it
        finally:
            os.close(handle)


def sources() -> Path:
    """Return where kernel sources are kept, each a git repository and a work tree."""
    return paths.cache() / "sources"


def mirrors() -> Path:
    """Return where copies of repositories elsewhere are kept."""
    return paths.cache() / "mirrors"


def kernels() -> Path:
    """Return where built kernels are kept, by digest."""
    return paths.cache() / "kernels"


def images() -> Path:
    """Return where initramfs images are kept, by digest."""
    return paths.cache() / "images"


def extra_warnings() -> Path:
    """Return where the warnings of `make W=1` are kept, by digest."""
    return paths.cache() / "extra-warnings"


def selftests() -> Path:
    """Return where built selftests are kept, by digest."""
    return paths.cache() / "selftests"
