"""How workloads and hosts did, and how long things take."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from statistics import median
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from rig.memory.nights import latest, of_tip
from rig.memory.runs import NEWEST
from rig.memory.tables import BuildRow, NightRow, OutcomeRow, RunRow, TrialRow
from rig.memory.values import Durations, Duty, Record, Where
from rig.model import Status
from rig.schedule import FIRST_BUILD

TELLING = (Status.PASS, Status.FAIL, Status.SKIP, Status.DONE)  # of how long a workload takes


def records(s: Session, nights: int = 14) -> tuple[Record, ...]:
    """Return how the workloads went on the tips of the last nights, the oldest first.

    A failure under which the kernel complained is the kernel's, and in none of the numbers.
    """
    place = (NightRow.id, RunRow.kernel, RunRow.profile, RunRow.shape, OutcomeRow.workload, BuildRow.tree)
    query = (
        select(*place, OutcomeRow.status, OutcomeRow.reported, func.count())
        .join(RunRow, RunRow.night == NightRow.id)
        .join(BuildRow, BuildRow.run == RunRow.id)
        .join(TrialRow, (TrialRow.run == RunRow.id) & (TrialRow.side == BuildRow.side))
        .join(OutcomeRow, OutcomeRow.trial == TrialRow.id)
        .where(NightRow.id.in_(latest(nights)), BuildRow.own, of_tip())
        .group_by(NightRow.began, *place, OutcomeRow.status, OutcomeRow.reported)
        .order_by(NightRow.began, *place)
    )
    found: defaultdict[tuple[Any, ...], Counter[str]] = defaultdict(Counter)
    for *where, status, reported, number in s.execute(query):
        found[tuple(where)][_sort(Status(status), reported=reported)] += number
    return tuple(_record(where, counts) for where, counts in found.items())


def _sort(status: Status, *, reported: bool) -> str:
    if status.failed:
        return "the kernel's" if reported else "failed"
    return "passed" if status in (Status.PASS, Status.DONE) else "other"


def _record(found: tuple[Any, ...], counts: Counter[str]) -> Record:
    night, kernel, profile, shape, workload, tree = found
    return Record(
        night=night,
        where=Where(kernel=kernel, profile=profile, shape=shape),
        workload=workload,
        tree=tree,
        passed=counts["passed"],
        failed=counts["failed"],
        other=counts["other"],
    )


# ---- how long things take


def durations(s: Session, last: int = 50) -> Durations:
    """Return how long things took in the last runs."""
    within = RunRow.id.in_(select(RunRow.id).order_by(*NEWEST).limit(last))
    builds = s.execute(
        select(RunRow.profile, BuildRow.digest, BuildRow.seconds)
        .join(RunRow, RunRow.id == BuildRow.run)
        .where(within, BuildRow.seconds > 0)
        .distinct()  # a kernel that was found again says the same again
    ).all()
    return Durations(
        first_build=_medians((each.profile, each.seconds) for each in builds if each.seconds >= FIRST_BUILD / 2),
        next_build=_medians((each.profile, each.seconds) for each in builds if each.seconds < FIRST_BUILD / 2),
        boot=_boots(s, within),
        workloads=_workloads(s, within),
    )


def _boots(s: Session, within: Any) -> dict[str, float]:
    """Return the seconds of a trial that no workload had: booting, searching for leaks, the end."""
    worked = select(func.coalesce(func.sum(OutcomeRow.seconds), 0.0)).where(OutcomeRow.trial == TrialRow.id)
    query = select(RunRow.profile, TrialRow.seconds, worked.scalar_subquery()).join(TrialRow, TrialRow.run == RunRow.id)
    found = s.execute(query.where(within, TrialRow.ready_seconds > 0))
    return _medians((profile, max(0.0, seconds - work)) for profile, seconds, work in found)


def _workloads(s: Session, within: Any) -> dict[tuple[str, str], float]:
    query = (
        select(RunRow.profile, OutcomeRow.workload, OutcomeRow.seconds)
        .join(TrialRow, TrialRow.run == RunRow.id)
        .join(OutcomeRow, OutcomeRow.trial == TrialRow.id)
        .where(within, OutcomeRow.status.in_([each.value for each in TELLING]))
    )
    return _medians(((profile, workload), seconds) for profile, workload, seconds in s.execute(query))


def _medians(pairs: Iterable[tuple[Any, float]]) -> dict[Any, float]:
    taken: defaultdict[Any, list[float]] = defaultdict(list)
    for name, seconds in pairs:
        taken[name].append(seconds)
    return {name: median(seconds) for name, seconds in taken.items()}


# ---- what hosts did


def duties(s: Session, nights: int = 60) -> tuple[Duty, ...]:
    """Return what the hosts did in the last nights, the oldest first."""
    within = RunRow.night.in_(latest(nights))
    trials = (
        select(NightRow.id, NightRow.host, TrialRow.ready_seconds, TrialRow.seconds)
        .join(RunRow, RunRow.night == NightRow.id)
        .join(TrialRow, TrialRow.run == RunRow.id)
        .where(within)
        .order_by(NightRow.began, NightRow.id)
    )
    done: defaultdict[tuple[str, str], list[tuple[float, float]]] = defaultdict(list)
    for night, host, ready, seconds in s.execute(trials):
        done[night, host].append((ready, seconds))
    spent = select(RunRow.night, func.sum(BuildRow.taken)).join(BuildRow, BuildRow.run == RunRow.id).where(within)
    built = {night: seconds for night, seconds in s.execute(spent.group_by(RunRow.night))}  # noqa: C416
    return tuple(_duty(night, host, each, built[night]) for (night, host), each in done.items())


def _duty(night: str, host: str, trials: Sequence[tuple[float, float]], built: float) -> Duty:
    boots = [ready for ready, _ in trials if ready]
    return Duty(
        night=night,
        host=host,
        trials=len(trials),
        boot_seconds=median(boots) if boots else 0.0,
        trial_seconds=sum(seconds for _, seconds in trials),
        build_seconds=built,
    )
