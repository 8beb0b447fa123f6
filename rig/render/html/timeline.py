"""What of a run took how long: stages and trials as bars along one axis. No I/O."""

from collections.abc import Iterator
from dataclasses import dataclass

from rig.model import Run, Trial
from rig.render.html.grid import keyed, label

_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400)  # seconds between ticks
_MOST_TICKS = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A stretch of time; `left` and `width` are percent of the axis."""

    left: float
    width: float
    kind: str  # "stage", "boot", "work", "rest"
    what: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """The bars of one stage or trial."""

    label: str
    side: str  # "" of a stage
    bars: tuple[Bar, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """The whole run."""

    rows: tuple[Row, ...]
    ticks: tuple[tuple[float, int], ...]  # where, and the seconds there


def timeline(run: Run) -> Timeline | None:
    """Return the time line of `run`; None for one of an earlier version, which doesn't know when things began."""
    if not run.stages and not any(trial.began for trial in run.trials):
        return None
    stages = [(each.what, each.began, each.seconds) for each in run.stages]
    ends = (began + seconds for _, began, seconds in (*stages, *(("", t.began, t.seconds) for t in run.trials)))
    axis = _Axis(length=max(run.seconds, *ends, 1.0))
    rows = [Row(label=what, side="", bars=(axis.bar(began, lasted, "stage", what),)) for what, began, lasted in stages]
    rows += [_row(run, trial, axis) for _, trial in sorted(keyed(run), key=lambda pair: pair[1].began)]
    return Timeline(rows=tuple(rows), ticks=tuple(axis.ticks()))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Axis:
    length: float  # seconds

    def bar(self, began: float, seconds: float, kind: str, what: str) -> Bar:
        """Return a stretch as a bar."""
        left, width = (100 * value / self.length for value in (began, seconds))
        return Bar(left=round(left, 3), width=round(width, 3), kind=kind, what=what, seconds=seconds)

    def ticks(self) -> Iterator[tuple[float, int]]:
        """Yield round numbers of seconds, not too many."""
        step = next((step for step in _STEPS if self.length / step < _MOST_TICKS), _STEPS[-1])
        for seconds in range(0, int(self.length) + 1, step):
            yield round(100 * seconds / self.length, 3), seconds


def _row(run: Run, trial: Trial, axis: _Axis) -> Row:
    return Row(label=label(run, trial), side=trial.side, bars=tuple(_bars(trial, axis)))


def _bars(trial: Trial, axis: _Axis) -> Iterator[Bar]:
    """Yield booting, each workload, and what is left: checks in between and powering off are not told apart."""
    at = trial.began
    if trial.ready_seconds:
        yield axis.bar(at, trial.ready_seconds, "boot", "booting")
        at += trial.ready_seconds
    for outcome in trial.outcomes:
        yield axis.bar(at, outcome.seconds, "work", outcome.workload)
        at += outcome.seconds
    if (rest := trial.began + trial.seconds - at) > 0:
        yield axis.bar(at, rest, "rest", "checks, powering off" if trial.outcomes else "never ready")
