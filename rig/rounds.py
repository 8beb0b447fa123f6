"""Trials made in rounds, both sides taking turns, as many at once as there are seats for."""

import asyncio
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

    def announce(self, turns: Iterable[tuple[SideName, str]], workloads: tuple[str, ...]) -> None:
        """Tell of the trials to come, given by side and kernel."""
        coming = tuple(Coming(side=side, kernel=kernel, workloads=workloads) for side, kernel in turns)
        jobs = self.plan.jobs or guests_that_fit(self.plan.shape, self.accel)
        known = self.plan.profile.known
        told = Planned(trials=coming, jobs=jobs, budget=self.plan.budget, known=known, more=self.more)
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


async def run(
    bench: Bench,
    sides: tuple[Side, ...],
    workloads: tuple[str, ...],
    repeats: int,
    names: tuple[SideName, ...] = NAMES,
) -> tuple[Side, ...]:
    """Run the sides of `names` `repeats` times more, taking turns, and return all with those trials added."""
    taking_part = [(name, side) for name, side in zip(NAMES, sides, strict=False) if name in names]
    turns = taking_part * repeats
    bench.announce(((name, side.kernel.name) for name, side in turns), workloads)
    async with asyncio.TaskGroup() as group:
        runs = [group.create_task(_round(bench, name, side, workloads)) for name, side in turns]
    bench.announce((), ())  # what the budget left out will not come
    done = list(zip(turns, (run.result() for run in runs), strict=True))
    return tuple(
        replace(side, trials=(*side.trials, *(each for (name, _), more in done if name == own for each in more)))
        for own, side in zip(NAMES, sides, strict=False)
    )


async def _round(bench: Bench, name: SideName, side: Side, workloads: tuple[str, ...]) -> tuple[Trial, ...]:
    """Run every workload once; in one boot, if no guest dies and no detector is spent on the way. Without any, boot."""
    assert isinstance(side.kernel, Kernel)
    trials: list[Trial] = []
    left = bench.workloads(name, workloads)
    async with bench.seats:
        while bench.budget.admits(workload.name for workload in left):
            trials.append(await _trial(bench, name, side.kernel, left))
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
