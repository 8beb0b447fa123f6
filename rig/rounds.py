"""Trials made in rounds, both sides taking turns, as many at once as there are seats for."""

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from rig import store
from rig.budget import Budget
from rig.compare import Side, SideName
from rig.events import Boot, Coming, Planned, Seen, TrialDone
from rig.experiment import Plan
from rig.guest import trial
from rig.model import Accel, Image, Kernel, Selftests, Sighting, Stage, Trial, Workload
from rig.plan import guests_that_fit
from rig.progress import Progress
from rig.reading import Reader, overheard
from rig.workloads import Listed, Own, command

NAMES: tuple[SideName, ...] = ("base", "patched")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """All that the trials of a run have in common, and where they are kept."""

    plan: Plan
    accel: Accel
    image: Image
    draft: store.Draft
    progress: Progress
    seats: asyncio.Semaphore  # as many as guests may run at once
    budget: Budget
    numbers: dict[SideName, Iterator[int]]  # of the boots of each side
    readers: dict[SideName, Reader]  # of the consoles of each side, once its kernel is there
    selftests: dict[SideName, Selftests | None]  # of the tree of each side, if they are planned
    stages: list[Stage]  # that are over
    more: bool = False  # what trials will come is only known one round at a time

    @property
    def planned(self) -> tuple[str, ...]:
        """Return the names of the workloads."""
        return tuple(entry.name for entry in self.plan.workloads)

    @contextmanager
    def stage(self, what: str) -> Iterator[None]:
        """Take down when something was begun and how long it took."""
        began = self.budget.gone
        yield
        self.stages.append(Stage(what=what, began=round(began, 1), seconds=round(self.budget.gone - began, 1)))

    def announce(self, coming: Iterable[Coming]) -> None:
        """Tell of the trials to come."""
        jobs = self.plan.jobs or guests_that_fit(self.plan.shape, self.accel)
        known = self.plan.profile.known
        told = Planned(trials=tuple(coming), jobs=jobs, budget=self.plan.budget, known=known, more=self.more)
        self.progress.tell(told)

    def workloads(self, side: SideName, names: Collection[str]) -> tuple[Workload, ...]:
        """Return the planned workloads among `names`, ready to be run on a side."""
        plan = self.plan
        named = (entry for entry in plan.workloads if entry.name in names)
        return tuple(replace(self._command(entry, side), leaks=plan.profile.leaks) for entry in named)

    def _command(self, entry: Listed | Own, side: SideName) -> Workload:
        plan = self.plan
        return command(
            entry,
            seconds=plan.seconds,
            vcpus=plan.shape.vcpus,
            threads=plan.threads,
            seed=plan.seed,
            time_scale=self.accel.time_scale,
            built=self.selftests.get(side),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Turn:
    """A round of one side; without workloads it only boots."""

    name: SideName
    side: Side
    workloads: tuple[str, ...]

    @property
    def coming(self) -> Coming:
        return Coming(side=self.name, kernel=self.side.kernel.name, workloads=self.workloads)


async def run(
    bench: Bench,
    sides: tuple[Side, ...],
    workloads: tuple[str, ...],
    repeats: int,
    names: tuple[SideName, ...] = NAMES,
) -> tuple[Side, ...]:
    """Run the sides of `names` `repeats` times more, taking turns, and return all with those trials added."""
    taking_part = [(name, side) for name, side in zip(NAMES, sides, strict=False) if name in names]
    turns = [_Turn(name=name, side=side, workloads=workloads) for name, side in taking_part]
    return await _take(bench, sides, turns * repeats)


async def complete(bench: Bench, sides: tuple[Side, ...], workloads: tuple[str, ...], repeats: int) -> tuple[Side, ...]:
    """Run on each side what it lacks of `repeats` trials of each workload, or without any of as many boots."""
    turns = [
        _Turn(name=name, side=side, workloads=lacking)
        for number in range(repeats)
        for name, side in zip(NAMES, sides, strict=False)
        if (lacking := _lacking(side.trials, workloads, number)) is not None
    ]
    return await _take(bench, sides, turns)


def _lacking(trials: tuple[Trial, ...], workloads: tuple[str, ...], number: int) -> tuple[str, ...] | None:
    """Return the workloads that no more than `number` trials ran; None if there is nothing to boot for."""
    if not workloads:
        return () if len(trials) <= number else None
    # a guest that got nowhere was tried with all that it was started for
    tried = Counter(name for trial in trials for name in {each.workload for each in trial.outcomes} or trial.planned)
    return tuple(name for name in workloads if tried[name] <= number) or None


async def _take(bench: Bench, sides: tuple[Side, ...], turns: list[_Turn]) -> tuple[Side, ...]:
    bench.announce(turn.coming for turn in turns)
    async with asyncio.TaskGroup() as group:
        runs = [group.create_task(_round(bench, turn)) for turn in turns]
    bench.announce(())  # what the budget left out will not come
    done = list(zip(turns, (run.result() for run in runs), strict=True))
    return tuple(
        replace(side, trials=(*side.trials, *(each for turn, more in done if turn.name == own for each in more)))
        for own, side in zip(NAMES, sides, strict=False)
    )


async def _round(bench: Bench, turn: _Turn) -> tuple[Trial, ...]:
    """Run every workload once; in one boot, if no guest dies and no detector is spent on the way. Without any, boot."""
    assert isinstance(turn.side.kernel, Kernel)
    trials: list[Trial] = []
    left = bench.workloads(turn.name, turn.workloads)
    async with bench.seats:
        while bench.budget.admits(workload.name for workload in left):
            trials.append(await _trial(bench, turn.name, turn.side.kernel, left))
            ran = {outcome.workload for outcome in trials[-1].outcomes}
            left = tuple(workload for workload in left if workload.name not in ran)
            if not ran or not left:  # it never got that far, and won't the next time
                break
    return tuple(trials)


async def _trial(bench: Bench, name: SideName, kernel: Kernel, workloads: tuple[Workload, ...]) -> Trial:
    """Boot once, run what can be run, read the console, keep the trial."""
    began = bench.budget.gone
    boot = Boot(side=name, kernel=kernel.name, index=next(bench.numbers[name]))
    async with overheard(bench.draft.directory / trial.console_of(boot), _teller(bench, boot)):
        done = await trial.run(
            kernel,
            workloads,
            side=name,
            index=boot.index,
            profile=bench.plan.profile,
            shape=bench.plan.shape,
            accel=bench.accel,
            image=bench.image,
            directory=bench.draft.directory,
            progress=bench.progress,
        )
    done = replace(await bench.readers[name].read(done, bench.draft.directory), began=round(began, 1))
    bench.budget.learn(done)
    bench.draft.keep(done)
    bench.progress.tell(TrialDone(boot=boot, trial=done))
    return done


def _teller(bench: Bench, boot: Boot) -> Callable[[Sighting], None]:
    """Return what tells of reports that a console shows while its guest still runs."""

    def tell(sighting: Sighting) -> None:
        bench.progress.tell(Seen(boot=boot, workload=sighting.workload, title=sighting.report.title))

    return tell
