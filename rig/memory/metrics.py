"""Metrics over the nights, and where they changed."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from rig.memory import rows
from rig.memory.nights import latest, of_tip
from rig.memory.tables import ChangeRow, MeasureRow, NightRow, PointRow, RunRow, TipRow, TrialRow, key
from rig.memory.values import ChangePoint, Measure, Point, Trend, Where
from rig.model import Metric, MetricKind, Status, Trial

ORDER = (MeasureRow.kernel, MeasureRow.profile, MeasureRow.shape, MeasureRow.workload, MeasureRow.name)
BATCH = 5000  # measures that are asked for at once: a query takes so many values and no more
Named = tuple[str, str, str, str]  # workload, name, unit, kind


def take(s: Session, where: Where, trials: Iterable[tuple[int, Trial]], *, own: bool) -> None:
    """Keep what the workloads that passed measured in trials, given by number, at a place."""
    measured = [
        (_named(outcome.workload, metric), number, metric.value / (metric.operations or 1))
        for number, trial in trials
        for outcome in trial.outcomes
        if outcome.status is Status.PASS
        for metric in outcome.metrics
    ]
    if measured:
        known = _known(s, where, dict.fromkeys(name for name, _, _ in measured), own=own)
        points = {(known[name], number): value for name, number, value in measured}
        made = [{"measure": measure, "trial": number, "value": points[measure, number]} for measure, number in points]
        rows.add(s, PointRow, made)


def _named(workload: str, metric: Metric) -> Named:
    return workload, metric.name, metric.unit, metric.kind.value


def _known(s: Session, where: Where, names: Iterable[Named], *, own: bool) -> dict[Named, int]:
    """Return the numbers of measures at a place; those that are new get one."""
    columns = (MeasureRow.workload, MeasureRow.name, MeasureRow.unit, MeasureRow.kind, MeasureRow.id)
    query = select(*columns).where(*_at(where), MeasureRow.own.is_(own))
    known = {(workload, name, unit, kind): id for workload, name, unit, kind, id in s.execute(query)}
    new = {name: _row(where, name, own=own) for name in names if name not in known}
    s.add_all(new.values())
    s.flush()
    return known | {name: row.id for name, row in new.items()}


def _at(where: Where) -> tuple[Any, ...]:
    return (
        MeasureRow.kernel == where.kernel,
        MeasureRow.profile == where.profile,
        MeasureRow.shape == where.shape,
    )


def _row(where: Where, named: Named, *, own: bool) -> MeasureRow:
    workload, name, unit, kind = named
    return MeasureRow(
        key=_key(where, named, own=own),
        own=own,
        **rows.columns(where),
        workload=workload,
        name=name,
        unit=unit,
        kind=kind,
    )


def _key(where: Where, named: Named, *, own: bool) -> str:
    return key(where.kernel, where.profile, where.shape, *named, str(own))


# ---- giving back


def measures(s: Session) -> tuple[Measure, ...]:
    """Return all metrics of the kernels themselves, by place and name."""
    found = s.scalars(select(MeasureRow).where(MeasureRow.own).order_by(*ORDER))
    return tuple(measure(row) for row in found)


def measure(row: MeasureRow) -> Measure:
    """Return what a row says."""
    return rows.value(Measure, row, where=rows.value(Where, row), kind=MetricKind(row.kind))


def trends(
    s: Session,
    kernel: str,
    profile: str,
    shape: str | None = None,
    workload: str | None = None,
    nights: int = 90,
) -> tuple[Trend, ...]:
    """Return how the metrics of a kernel's tips went in the last nights, by place and name."""
    query = select(MeasureRow).where(MeasureRow.own, MeasureRow.kernel == kernel, MeasureRow.profile == profile)
    if shape is not None:
        query = query.where(MeasureRow.shape == shape)
    if workload is not None:
        query = query.where(MeasureRow.workload == workload)
    return _trends(s, s.scalars(query.order_by(*ORDER)).all(), nights)


def fitting(s: Session, fits: Callable[[Measure], bool], nights: int = 90) -> tuple[Trend, ...]:
    """Return how those metrics of the kernels' tips went in the last nights that `fits` says yes to."""
    found = [row for row in s.scalars(select(MeasureRow).where(MeasureRow.own).order_by(*ORDER)) if fits(measure(row))]
    return tuple(chain.from_iterable(_trends(s, found[at : at + BATCH], nights) for at in range(0, len(found), BATCH)))


def _trends(s: Session, measures: Sequence[MeasureRow], nights: int) -> tuple[Trend, ...]:
    """Return the trends of these measures, a batch at most, as far as there are points."""
    when = _nights_of_trials(s, measures, nights)
    if not when:
        return ()
    order = list(dict.fromkeys(when.values()))
    found = _points(s, measures, when)
    steps = _changes(s, measures)
    commits = {(tip.night, tip.kernel): tip.commit for tip in s.scalars(select(TipRow).where(TipRow.night.in_(order)))}
    return tuple(
        Trend(
            measure=measure(each),
            points=tuple(
                Point(night=night, commit=commits.get((night, each.kernel), ""), values=tuple(found[each.id][night]))
                for night in order
                if night in found[each.id]
            ),
            changes=tuple(steps[each.id]),
        )
        for each in measures
        if each.id in found
    )


def _nights_of_trials(s: Session, measures: Sequence[MeasureRow], nights: int) -> dict[int, str]:
    """Return the last nights' trials at the measures' places, the oldest first, each with its night."""
    kernels, profiles = ({getattr(each, name) for each in measures} for name in ("kernel", "profile"))
    query = (
        select(TrialRow.id, RunRow.night)
        .join(RunRow, RunRow.id == TrialRow.run)
        .join(NightRow, NightRow.id == RunRow.night)
        .where(RunRow.kernel.in_(kernels), RunRow.profile.in_(profiles), RunRow.night.in_(latest(nights)))
        .where(TrialRow.own, of_tip())
        .order_by(NightRow.began, NightRow.id, TrialRow.id)
    )
    return {number: night for number, night in s.execute(query) if night}


def _points(
    s: Session, measures: Sequence[MeasureRow], when: dict[int, str]
) -> Mapping[int, Mapping[str, list[float]]]:
    """Return the values of measures, by measure and night."""
    found: defaultdict[int, defaultdict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    numbers = [each.id for each in measures]
    query = (
        select(PointRow.measure, PointRow.trial, PointRow.value)
        .where(PointRow.measure.in_(numbers), PointRow.trial.between(min(when), max(when)))
        .order_by(PointRow.measure, PointRow.trial)
    )
    for measure, trial, value in s.connection().execute(query):  # past the session: there are very many
        if night := when.get(trial):
            found[measure][night].append(value)
    return found


def _changes(s: Session, measures: Sequence[MeasureRow]) -> dict[int, list[ChangePoint]]:
    query = select(ChangeRow).join(NightRow, NightRow.id == ChangeRow.night)
    query = query.where(ChangeRow.measure.in_([each.id for each in measures])).order_by(NightRow.began, NightRow.id)
    found: defaultdict[int, list[ChangePoint]] = defaultdict(list)
    for row in s.scalars(query):
        found[row.measure].append(rows.value(ChangePoint, row))
    return found


# ---- changes


def save_changes(s: Session, trend: Trend) -> None:
    """Keep the steps of a metric, in the place of those known so far since the trend's first night."""
    what = trend.measure
    named = (what.workload, what.name, what.unit, what.kind.value)
    number = _known(s, what.where, (named,), own=True)[named]
    covered = [point.night for point in trend.points] + [change.night for change in trend.changes]
    since = select(NightRow.began).where(NightRow.id.in_(covered)).order_by(NightRow.began).limit(1).scalar_subquery()
    within = select(NightRow.id).where(NightRow.began >= since)
    s.execute(delete(ChangeRow).where(ChangeRow.measure == number, ChangeRow.night.in_(within)))
    s.add_all(ChangeRow(measure=number, **rows.columns(change)) for change in trend.changes)
    s.flush()


def changes(s: Session, night_id: str, nights: int = 90) -> tuple[Trend, ...]:
    """Return the metrics that changed in a night, as they went in the last nights, by place and name."""
    query = select(MeasureRow).join(ChangeRow, ChangeRow.measure == MeasureRow.id).where(ChangeRow.night == night_id)
    return _trends(s, s.scalars(query.order_by(*ORDER)).all(), nights)


def changes_of(s: Session, row: MeasureRow) -> tuple[ChangePoint, ...]:
    """Return all the steps of a metric, the oldest first."""
    return tuple(_changes(s, [row]).get(row.id, ()))
