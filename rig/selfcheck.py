"""The proof that the rig sees: known-bad kernels against the one they are made of."""

import asyncio
import shutil
from contextlib import AbstractContextManager
from dataclasses import replace

from rig import cache, paths, pipeline, plan, store
from rig.events import Coming, Detail, Event, Planned
from rig.experiment import Overrides, Plan
from rig.guest import accel
from rig.model import Check, Finding, KnownBad, Run, Trial, kind
from rig.progress import Progress, Task
from rig.render.checks import told

GOOD = "patched"  # what known-bad kernels are made of
ANY = "vm-teardown"  # for those that show before any workload has begun


async def check(kernels: tuple[KnownBad, ...], overrides: Overrides, progress: Progress, done: list[Check]) -> None:
    """Run each of `kernels` with the workload that shows it best, and the good kernel first; adds each to `done`.

    Runs that show what is expected are not kept. Raises RigError for faults of the host.
    """
    alone = replace(overrides, jobs=1, confirm=0)
    jobs = await _jobs(overrides)
    seats = asyncio.Semaphore(jobs)
    profiles = sorted({known.profile for known in kernels})
    good = {name: await _good(name, kernels, overrides, progress) for name in profiles}
    waiting, quietly = list(kernels), _Unplanned(progress)
    with progress.task("known-bad kernels", total=len(kernels)) as shown:

        async def one(known: KnownBad) -> None:
            async with seats:
                waiting.remove(known)
                progress.tell(_planned(waiting, overrides, jobs))
                done.append(await _check(known, good[known.profile], alone, quietly))
            shown.advance(1)
            progress.note(told(done[-1]))

        async with asyncio.TaskGroup() as group:
            for known in kernels:
                group.create_task(one(known))


class _Unplanned:
    """Progress of one of many runs: what it is going to do is told for all of them at once, and so is the news."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def note(self, text: str) -> None:
        """Keep it for those who want to know all."""
        self._progress.tell(Detail(text=text))

    def task(self, name: str, *, total: float | None = None) -> AbstractContextManager[Task]:
        """Show it."""
        return self._progress.task(name, total=total)

    def tell(self, event: Event) -> None:
        """Pass on what has happened."""
        if not isinstance(event, Planned):
            self._progress.tell(event)


def _planned(waiting: list[KnownBad], given: Overrides, jobs: int) -> Planned:
    repeats = given.repeats or plan.plan_file("default").repeats
    coming = (Coming(side="patched", kernel=known.name, workloads=(workload(known),)) for known in waiting)
    return Planned(trials=tuple(each for each in coming for _ in range(repeats)), jobs=jobs)


async def _jobs(overrides: Overrides) -> int:
    shape = plan.make(GOOD, None, overrides=overrides).shape
    return overrides.jobs or plan.guests_that_fit(shape, await accel.find(overrides.accel))


async def _good(profile: str, kernels: tuple[KnownBad, ...], given: Overrides, progress: Progress) -> tuple[Trial, ...]:
    """Return trials of the good kernel under every workload that `kernels` of a profile need."""
    needed = tuple(dict.fromkeys(workload(known) for known in kernels if known.profile == profile))
    wanted = _plan(None, profile, needed, given)
    with cache.scratch() as root, store.draft(root) as draft:
        run = await pipeline.run(wanted, draft, progress, f"rig run {GOOD} --profile {profile}")
    if seen := "; ".join(finding.title for finding in run.comparison.findings):
        progress.note(f"{GOOD} ({profile}) itself shows {seen}: that will count for no known-bad kernel")
    return run.trials


def workload(known: KnownBad) -> str:
    """Return the workload a known-bad kernel is run with."""
    return known.workloads[0] if known.workloads else ANY


def _plan(patched: str | None, profile: str, workloads: tuple[str, ...], given: Overrides) -> Plan:
    return plan.make(GOOD, patched, overrides=replace(given, profile=profile, workloads=workloads))


async def _check(known: KnownBad, good: tuple[Trial, ...], given: Overrides, progress: Progress) -> Check:
    wanted = _plan(known.name, known.profile, (workload(known),), given)
    again = f"rig compare {GOOD} {known.name} --profile {known.profile} -w {workload(known)}"
    with cache.scratch() as root:
        with store.draft(root) as draft:
            run = await pipeline.run(wanted, draft, progress, again, before=good)
        done = _judged(known, run)
        if not done.finding:
            paths.runs().mkdir(parents=True, exist_ok=True)
            shutil.move(root / run.id, paths.runs())
    return done


def _judged(known: KnownBad, run: Run) -> Check:
    found = introduced(run)
    expected = next((each for each in found if known.shown_by(_titles(each))), None)
    trials = tuple(trial for trial in run.trials if trial.side == "patched")
    return Check(
        known=known,
        finding=expected,
        others=tuple(each.title for each in found if each is not expected),
        hits=expected.patched.hits if expected else 0,
        trials=expected.patched.trials if expected else len(trials),
        after=_after(_titles(expected), trials) if expected else None,
        seconds=run.seconds,
        run="" if expected else run.id,
    )


def introduced(run: Run) -> list[Finding]:
    """Return what the patched side showed and base did not, however few the trials were."""
    return [each for each in run.comparison.findings if each.patched.hits and not each.base.hits]


def _titles(finding: Finding) -> frozenset[str]:
    return frozenset((finding.title, *finding.alt_titles))


def _after(titles: frozenset[str], trials: tuple[Trial, ...]) -> float | None:
    """Return how long the workload had run when one of `titles` was first reported."""
    times = [
        sighting.at - sighting.began
        for trial in trials
        for sighting in trial.sightings
        if sighting.report.title in titles and sighting.at is not None and sighting.began is not None
    ]
    return min(times, default=None)


def quick(kernels: tuple[KnownBad, ...]) -> tuple[KnownBad, ...]:
    """Return one known-bad kernel for each kind of finding, of those the rig is sure to see in the default profile."""
    sure = [known for known in kernels if known.sure == "yes" and known.profile == "sanitize"]
    kinds = {kind(known.expected[0]): known for known in reversed(sure)}
    return tuple(known for known in sure if known in kinds.values())
