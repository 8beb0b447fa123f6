"""Patch coverage: a kernel that counts what runs, one trial of it, and what gcov makes of its counters."""

import gzip
import shutil
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from rig import cache, coverage, plan, proc, rounds
from rig.compare import Side
from rig.coverage import Look
from rig.events import Boot
from rig.gcov import Counted, counted
from rig.guest import trial
from rig.kernel import sandbox
from rig.kernel.build import build_counting
from rig.model import BuildFailure, Coverage, End, Gcov, Kernel, Recipe, Trial
from rig.reading import reader
from rig.reports.sightings import BOOT
from rig.rounds import NAMES, Bench

LIMIT = 60.0  # seconds for gcov
NO_TIME = "the budget was too short for a trial of the kernel that counts"
DOCUMENTS = "*.gcov.json.gz"


async def cover(bench: Bench, recipe: Recipe, diffs: tuple[str, ...], workloads: tuple[str, ...]) -> Coverage:
    """Return which of the lines that `diffs` (one a commit, in order) change run under the planned `workloads`.

    `recipe` is the kernel after all of them. Counting needs a build and a trial of its own, that no comparison counts.
    Raises PatchError for a diff that is none, InputError for a recipe without source, HostError.
    """
    lines = coverage.changed(diffs)
    if not lines:
        return Coverage(lines=())
    with bench.stage(f"build {recipe.name} for coverage"):
        profile = plan.counting(bench.plan.profile)
        kernel = await build_counting(recipe, profile, coverage.touched(lines), bench.progress)
    if isinstance(kernel, BuildFailure) or not kernel.gcov:
        return coverage.measured(lines, (), notes=_failed(kernel))
    unmeasured = kernel.gcov.unmeasured
    asleep = coverage.measured(lines, (await _look(kernel.gcov, None),), unmeasured=unmeasured)
    if coverage.share(asleep) is None:  # nothing to count: comments, other configurations
        return replace(asleep, workloads=())
    with bench.stage(f"coverage of {recipe.name}"):
        trials = await _trials(bench, kernel, workloads)
        looks = [look for each in trials for look in await _looks(bench.draft.directory, each, kernel.gcov)]
    notes = tuple(note for each in trials for note in _notes(each, looks)) if trials else (NO_TIME,)
    return coverage.measured(lines, looks, unmeasured=unmeasured, notes=notes)


def _failed(kernel: Kernel | BuildFailure) -> tuple[str, ...]:
    errors = kernel.errors[:1] if isinstance(kernel, BuildFailure) else ()
    return tuple(f"the kernel that counts does not compile: {error}" for error in errors)


async def _trials(bench: Bench, kernel: Kernel, workloads: tuple[str, ...]) -> tuple[Trial, ...]:
    """Run `workloads` once; in one boot, unless a guest dies on the way."""
    bench = replace(bench, readers={"patched": await reader(kernel, None, "patched")})
    side = Side(kernel=kernel)
    _, done = await rounds.run(bench, (side, side), workloads, 1, NAMES[1:])
    return done.trials


def _notes(done: Trial, looks: list[Look]) -> Iterator[str]:
    """Yield what a trial lost, and what it had to complain of: it is in no finding."""
    if not any(look.boot == done.index for look in looks):
        yield f"boot {done.index} of the kernel that counts: no counters could be fetched: {_end(done)}"
    elif done.end is not End.FINISHED:
        under = done.outcomes[-1].workload if done.outcomes else BOOT
        yield f"the kernel that counts {_end(done)}, under {under}: what only ran there may count as never run"
    for title in dict.fromkeys(each.report.title for each in done.sightings):
        yield f"the kernel that counts complains: {title}"


def _end(done: Trial) -> str:
    return f"{done.end}: {done.end_reason}" if done.end_reason else str(done.end)


async def _looks(directory: Path, done: Trial, gcov: Gcov) -> list[Look]:
    """Return what was fetched from one boot, in order."""
    boot = Boot(side=done.side, kernel=done.kernel, index=done.index)
    names = (BOOT, *(outcome.workload for outcome in done.outcomes))
    kept = [(name, directory / trial.counters_of(boot, number, name)) for number, name in enumerate(names)]
    return [
        replace(await _look(gcov, path), boot=done.index, workload=name) for name, path in kept if any(path.rglob("*"))
    ]


async def _look(gcov: Gcov, counters: Path | None) -> Look:
    """Return what gcov says of `counters`; without them, which lines have code."""
    notes = sorted(gcov.notes.rglob("*.gcno"))
    with cache.scratch() as work:
        for number, note in enumerate(notes):  # by numbers: objects in different directories have the same names
            shutil.copyfile(note, work / f"{number}.gcno")
            counter = (counters or work) / note.relative_to(gcov.notes).with_suffix(".gcda")
            if counters and counter.is_file():
                shutil.copyfile(counter, work / f"{number}.gcda")
        return Look(boot=0, workload="", counted=await _counted(work))


async def _counted(work: Path) -> Counted:
    notes = sorted(path.name for path in work.glob("*.gcno"))
    if notes:  # what it can't use has no document; notes and counters are by the code under test
        argv = ("env", f"--chdir={work}", "gcov", "--json-format", *notes)
        await proc.run((await sandbox.find()).argv(argv, made=(work,)), limit=LIMIT, check=False)
    return counted(text for path in sorted(work.glob(DOCUMENTS)) if (text := _unpacked(path)))


def _unpacked(path: Path) -> bytes:
    with suppress(OSError, EOFError, zlib.error):
        return b"" if path.is_symlink() else gzip.decompress(path.read_bytes())
    return b""
