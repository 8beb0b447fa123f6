"""How far a run has got, from what its stages told of it. No I/O."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from rig.events import (
    Boot,
    Coming,
    Doing,
    Event,
    Planned,
    Seen,
    TrialDone,
    TrialStarted,
    WorkloadDone,
    WorkloadStarted,
)
from rig.model import End, Outcome, Trial


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One workload of a trial. All times are of one clock, in seconds."""

    workload: str
    began: float | None = None  # None if it has not yet, or never will
    doing: str = ""
    outcome: Outcome | None = None

    @property
    def touched(self) -> bool:
        """Whether it has begun, or was passed by."""
        return self.began is not None or self.outcome is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One trial. `trial` is None while it runs."""

    boot: Boot
    began: float
    cells: tuple[Cell, ...]
    seen: tuple[tuple[str, str], ...] = ()  # workloads and titles, in the order they came
    trial: Trial | None = None

    @property
    def booting(self) -> bool:
        """Whether no workload has begun."""
        return not self.trial and not any(cell.touched for cell in self.cells)

    @property
    def current(self) -> Cell | None:
        """Return the workload that is at work."""
        return next((cell for cell in self.cells if cell.touched and not cell.outcome and not self.trial), None)

    @property
    def troubles(self) -> tuple[tuple[str, str], ...]:
        """Return workloads and what is wrong under them: reports, or where there are none what failed."""
        return tuple(dict.fromkeys(self.seen)) or tuple(dict.fromkeys(self._failures()))

    def _failures(self) -> Iterable[tuple[str, str]]:
        failed = [cell.outcome for cell in self.cells if cell.outcome and cell.outcome.status.failed]
        for outcome in failed:
            yield outcome.workload, f"{outcome.status}: {outcome.reason}"
        if self.trial and self.trial.end is not End.FINISHED and not failed:
            yield self._last, f"{self.trial.end}: {self.trial.end_reason}"

    @property
    def _last(self) -> str:
        return next((cell.workload for cell in reversed(self.cells) if cell.outcome), "boot")


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """A piece of work that is no trial, such as a build. `total` in steps, None if unknown."""

    number: int
    name: str
    began: float
    total: float | None
    done: float = 0
    text: str = ""

    def left(self, now: float) -> float | None:
        """Return the seconds it is likely to need still."""
        if not self.total or self.done <= 0:
            return None
        return max(0.0, self.total - self.done) * (now - self.began) / self.done


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """Something that went wrong, and in how many trials of which side."""

    title: str
    workloads: tuple[str, ...]
    names: tuple[str, ...]  # of the sides or kernels, one for each trial

    @property
    def told(self) -> str:
        """Return where it was seen, and how often: "2 patched, 1 base"."""
        return ", ".join(f"{number} {name}" for name, number in Counter(self.names).items())


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """All that is shown of a run: what was, what is and what is to come."""

    began: float
    rows: tuple[Row, ...] = ()
    coming: tuple[Coming, ...] = ()
    works: tuple[Work, ...] = ()
    jobs: int = 1
    budget: float | None = None
    known: tuple[str, ...] = ()  # patterns of titles that are passed over
    more: bool = False  # comes, but nobody knows how much
    earlier: tuple[Trial, ...] = ()  # of other runs, like those of this one

    @property
    def running(self) -> tuple[Row, ...]:
        """Return the trials that are going on."""
        return tuple(row for row in self.rows if not row.trial)

    @property
    def idle(self) -> bool:
        """Whether nothing is going on and nothing is known to come."""
        return not (self.works or self.coming or self.running)

    @property
    def troubles(self) -> tuple[Trouble, ...]:
        """Return what went wrong so far, the first first."""
        found: dict[str, list[tuple[str, str, Boot]]] = {}
        for row in self.rows:
            for workload, title in row.troubles:
                if not self.passes_over(title):
                    found.setdefault(title, []).append((workload, self.name(row.boot), row.boot))
        return tuple(_trouble(title, where) for title, where in found.items())

    def name(self, boot: Boot) -> str:
        """Return what tells kernels apart: their side, unless there is only one, or more kernels than sides to come."""
        kernels = {(row.boot.side, row.boot.kernel) for row in self.rows}
        kernels |= {(trial.side, trial.kernel) for trial in self.coming}
        sides = {side for side, _ in kernels}
        return boot.side if len(sides) == len(kernels) == 2 and not self.more else boot.kernel

    def passes_over(self, title: str) -> bool:
        """Say whether a title is one that a good kernel has too."""
        return any(fnmatchcase(title, pattern) for pattern in self.known)

    def told(self, event: Event, now: float) -> "Standing":
        """Return how it stands after `event`."""
        match event:
            case Planned():
                return replace(
                    self,
                    coming=event.trials,
                    jobs=max(1, event.jobs),
                    budget=event.budget,
                    known=event.known,
                    more=event.more,
                )
            case TrialStarted():
                return self._started(event, now)
            case WorkloadStarted():
                return self._cell(event.boot, event.workload, lambda cell: replace(cell, began=now))
            case Doing():
                return self._cell(event.boot, event.workload, lambda cell: replace(cell, doing=event.text))
            case WorkloadDone():
                outcome = event.outcome
                return self._cell(event.boot, outcome.workload, lambda cell: replace(cell, outcome=outcome))
            case Seen():
                return self._row(event.boot, lambda row: replace(row, seen=(*row.seen, (event.workload, event.title))))
            case TrialDone():
                return self._row(event.boot, lambda row: _over(row, event.trial))
            case _:
                return self

    def _started(self, event: TrialStarted, now: float) -> "Standing":
        """Add a row. A boot for what another one left was not planned, and takes nothing off what is to come."""
        boot, left = event.boot, list(self.coming)
        planned = Coming(side=boot.side, kernel=boot.kernel, workloads=event.workloads)
        if planned in left:
            left.remove(planned)
        row = Row(boot=boot, began=now, cells=tuple(Cell(workload=name) for name in event.workloads))
        return replace(self, rows=(*self.rows, row), coming=tuple(left))

    def _row(self, boot: Boot, change: Callable[[Row], Row]) -> "Standing":
        """Change the row of `boot` that runs."""
        rows = (change(row) if row.boot == boot and not row.trial else row for row in self.rows)
        return replace(self, rows=tuple(rows))

    def _cell(self, boot: Boot, workload: str, change: Callable[[Cell], Cell]) -> "Standing":
        def changed(row: Row) -> Row:
            cells = (change(cell) if cell.workload == workload else cell for cell in row.cells)
            return replace(row, cells=tuple(cells))

        return self._row(boot, changed)

    def begun(self, name: str, total: float | None, now: float) -> tuple["Standing", int]:
        """Return how it stands once a piece of work has begun, and the number it is known by."""
        number = max((work.number for work in self.works), default=0) + 1
        work = Work(number=number, name=name, began=now, total=total)
        return replace(self, works=(*self.works, work)), number

    def advanced(self, number: int, steps: float, text: str) -> "Standing":
        """Return how it stands once more steps of a piece of work are done."""
        works = (
            replace(work, done=work.done + steps, text=text or work.text) if work.number == number else work
            for work in self.works
        )
        return replace(self, works=tuple(works))

    def work(self, number: int) -> Work:
        """Return the piece of work known by `number`."""
        return next(work for work in self.works if work.number == number)

    def ended(self, number: int) -> "Standing":
        """Return how it stands once a piece of work is over."""
        return replace(self, works=tuple(work for work in self.works if work.number != number))


def _over(row: Row, trial: Trial) -> Row:
    """Return a row with all that is known of its trial in the end."""
    outcomes = {outcome.workload: outcome for outcome in trial.outcomes}
    cells = tuple(replace(cell, outcome=outcomes.get(cell.workload)) for cell in row.cells)
    seen = tuple((sighting.workload, sighting.report.title) for sighting in trial.sightings)
    return replace(row, cells=cells, seen=seen, trial=trial)


def _trouble(title: str, where: list[tuple[str, str, Boot]]) -> Trouble:
    return Trouble(
        title=title,
        workloads=tuple(dict.fromkeys(workload for workload, _, _ in where)),
        names=tuple({boot: name for _, name, boot in where}.values()),
    )
