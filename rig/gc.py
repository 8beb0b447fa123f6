"""What can go from the cache and the runs, and its removal."""

import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rig import cache, paths, store

DAY = 86400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Garbage:
    """Something that can be removed, and why."""

    path: Path
    bytes: int
    why: str


def garbage(*, days: float, everything: bool) -> tuple[Garbage, ...]:
    """Return interrupted runs, and what was not used for `days`; or all of the cache and of the runs.

    Runs that are finished go only with `everything`: results are never lost by the way.
    """
    if everything:
        entries = store.entries()
        cached = () if any(entry.live for entry in entries) else _children(paths.cache())  # a live run needs it
        places = (*cached, *(entry.directory for entry in entries if not entry.live))
        return tuple(_garbage(path, "all was asked for") for path in places)
    return (*_interrupted(), *_unused(days))


def _interrupted() -> Iterator[Garbage]:
    for entry in store.entries():
        if not entry.run and not entry.live:
            yield _garbage(entry.directory, "interrupted run")


def _unused(days: float) -> Iterator[Garbage]:
    for parent in (cache.kernels(), cache.images(), cache.selftests(), cache.extra_warnings(), cache.sources()):
        for path in _children(parent):
            age = (time.time() - path.stat().st_mtime) / DAY
            if age > days and not cache.held(path / "lock"):
                yield _garbage(path, f"not used for {age:.0f} days")


def _children(directory: Path) -> tuple[Path, ...]:
    return tuple(sorted(directory.iterdir())) if directory.is_dir() else ()


def _garbage(path: Path, why: str) -> Garbage:
    files = path.rglob("*") if path.is_dir() else (path,)
    size = sum(file.lstat().st_size for file in files if not file.is_dir())
    return Garbage(path=path, bytes=size, why=why)


def remove(item: Garbage) -> None:
    """Remove it."""
    if item.path.is_dir():
        shutil.rmtree(item.path, ignore_errors=True)
    else:
        item.path.unlink(missing_ok=True)
