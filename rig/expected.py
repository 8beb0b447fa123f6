"""How long what is left of a run will take, by how long the like of it took. No I/O."""

from collections.abc import Iterable
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from statistics import median

from rig.model import Outcome, Status, Trial
from rig.standing import Row, Standing

_TELLING = (Status.PASS, Status.FAIL, Status.SKIP, Status.DONE)  # of how long a workload takes


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """The usual seconds of a boot with all that is no workload, and of workloads; None where nothing is known."""

    boot: float | None
    workloads: dict[str, float]

    def of(self, workloads: Iterable[str]) -> float | None:
        """Return the seconds that `workloads` take, one that was never seen like the others."""
        if not self.workloads:
            return None
        usual = median(self.workloads.values())
        return sum(self.workloads.get(name, usual) for name in workloads)


def times(standing: Standing) -> Times:
    """Return what trials of this run took; of earlier ones where this one knows nothing yet."""
    done = [row.trial for row in standing.rows if row.trial]
    outcomes = [cell.outcome for row in standing.rows for cell in row.cells if cell.outcome]
    before = [outcome for trial in standing.earlier for outcome in trial.outcomes]
    boots = _boots(done) or _boots(standing.earlier)
    return Times(boot=median(boots) if boots else None, workloads=_usual(before) | _usual(outcomes))


def left(standing: Standing, now: float) -> float | None:
    """Return the seconds until all that is planned is done, or the budget is spent; None if nothing is known of it."""
    if standing.more:
        return None
    usual = _unbounded(standing, now)
    if usual is None or standing.budget is None:
        return usual
    return max(0.0, min(usual, standing.began + standing.budget - now))


def _unbounded(standing: Standing, now: float) -> float | None:
    trials, work = _trials_left(standing, now), _work_left(standing, now)
    if trials is None or work is None:
        return None
    return trials + work if not standing.rows else max(trials, work)


def _boots(trials: Iterable[Trial]) -> list[float]:
    return [
        max(0.0, trial.seconds - sum(outcome.seconds for outcome in trial.outcomes))
        for trial in trials
        if trial.ready_seconds
    ]


def _usual(outcomes: list[Outcome]) -> dict[str, float]:
    taken: dict[str, list[float]] = {}
    for outcome in outcomes:
        if outcome.status in _TELLING:
            taken.setdefault(outcome.workload, []).append(outcome.seconds)
    return {name: median(seconds) for name, seconds in taken.items()}


def _work_left(standing: Standing, now: float) -> float | None:
    lefts = [work.left(now) for work in standing.works]
    known = [each for each in lefts if each is not None]
    return max(known, default=0.0) if len(known) == len(lefts) else None


def _trials_left(standing: Standing, now: float) -> float | None:
    """Put what is to come on the guests at once, each where one gets free first."""
    usual = times(standing)
    running = [_remaining(row, usual, now) for row in standing.running]
    coming = [usual.of(trial.workloads) for trial in standing.coming]
    if usual.boot is None or None in running or None in coming:
        return None if running or coming else 0.0
    seats = [each for each in running if each is not None]
    seats += [0.0] * (standing.jobs - len(seats))
    heapify(seats)
    for each in coming:
        heappush(seats, heappop(seats) + usual.boot + (each or 0.0))
    return max(seats)


def _remaining(row: Row, usual: Times, now: float) -> float | None:
    """Return what a running trial still needs: what it has spent is taken off the part it is in."""
    if usual.boot is None:
        return None
    if row.booting:
        rest = usual.of(cell.workload for cell in row.cells)
        return None if rest is None else max(0.0, usual.boot - (now - row.began)) + rest
    waiting = usual.of(cell.workload for cell in row.cells if not cell.touched)
    at_work = row.current
    current = usual.of([at_work.workload]) if at_work else 0.0
    if waiting is None or current is None:
        return None
    spent = now - at_work.began if at_work and at_work.began is not None else 0.0
    return waiting + max(0.0, current - spent)
