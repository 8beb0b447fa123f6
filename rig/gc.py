"""What can go from the cache and the runs, and its removal."""

import shutil
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from rig import cache, paths, store
from rig.model import KeptRun, Verdict

DAY = 86400.0
PATIENCE = 7 * DAY
KEPT = (store.RESULT, "result.json", "report.html", "bisection.json")  # of a run with findings, whatever the quota


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


def beyond(quota: int, since: float) -> Iterator[Garbage]:
    """Yield what has to go so that kernels and runs take no more than `quota` bytes.

    First kernels, the one used longest ago first, as they can be built again; then runs that found nothing, the oldest
    first, then undecided ones; of the others what is neither result, report nor console. What was used after `since`,
    in seconds since the epoch, or after the first run that is going on began, stays.
    """
    every = store.entries()
    since = min((since, *(store.began(entry.directory) for entry in every if entry.live)))
    kernels, entries = tuple(_kernels()), tuple(entry for entry in every if entry.run)
    over = sum(each.bytes for each in kernels) + sum(entry.bytes for entry in entries) - quota
    worthless = tuple(_worthless(entries))
    bulk = _bulk(entry for entry in entries if entry.directory not in {item.path for item in worthless})
    for item in (*kernels, *worthless, *bulk):
        if over <= 0:
            return
        if item.path.stat().st_mtime < since:
            yield item
            over -= item.bytes


def _kernels() -> Iterator[Garbage]:
    """Yield the kernels of the cache, the one used longest ago first."""
    for path in sorted(_children(cache.kernels()), key=lambda path: path.stat().st_mtime):
        yield _garbage(path, "beyond the quota; it can be built again")


def _worthless(entries: tuple[KeptRun, ...]) -> Iterator[Garbage]:
    for verdict in (Verdict.CLEAN, Verdict.ERROR, Verdict.INCONCLUSIVE):
        for entry in entries:
            if entry.run and entry.run.comparison.verdict is verdict and not entry.run.comparison.findings:
                yield Garbage(path=entry.directory, bytes=entry.bytes, why=f"beyond the quota; it was {verdict}")


def _bulk(entries: Iterable[KeptRun]) -> Iterator[Garbage]:
    for entry in entries:
        for path in sorted(entry.directory.rglob("*")):
            if path.is_file() and not (path.name in KEPT or path.match("console-*.log")):
                yield _garbage(path, "beyond the quota; result, report and consoles stay")


def _interrupted() -> Iterator[Garbage]:
    for entry in store.entries():
        if not (entry.run or entry.live or _awaited(entry.directory)):
            yield _garbage(entry.directory, "interrupted run")


def _awaited(directory: Path) -> bool:
    """Whether somebody will go on with an interrupted run, and was not long in doing so."""
    return store.awaited(directory) and time.time() - directory.stat().st_mtime < PATIENCE


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
