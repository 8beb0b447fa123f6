from dataclasses import replace

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from rig.memory import metrics, nights, runs
from rig.memory.tables import RunRow
from rig.memory.values import ChangePoint, Point, Trend, Where
from rig.model import Metric, MetricKind, Outcome, Status
from tests import values
from tests.memory.made import FIRST, SECOND, THIRD, WHERE, job, measure, night, tip

NIGHTS = (FIRST, SECOND, THIRD)


@pytest.fixture(autouse=True)
def _nights(session: Session) -> None:
    for name in NIGHTS:
        nights.save_night(session, night(name))
        nights.save_tip(session, tip(name, commit=f"commit of {name}"))


def take(
    session: Session,
    night: str,
    *measured: float,
    where: Where = WHERE,
    operations: int = 0,
    status: Status = Status.PASS,
) -> None:
    """Keep a run of a night in which the kernel's trials measured these values of "exits", and base another."""
    number = session.scalar(select(func.count()).select_from(RunRow))
    trials = tuple(
        values.trial("patched", index=index, outcomes=(outcome(value, operations, status),))
        for index, value in enumerate(measured, 1)
    )
    made = values.run(id=f"r{number}", trials=(*trials, values.trial("base", outcomes=(outcome(999.0),))))
    runs.take(session, made, "/r", night=night, where=where)


def outcome(value: float, operations: int = 0, status: Status = Status.PASS) -> Outcome:
    measured = Metric(name="exits", value=value, unit="1", kind=MetricKind.EXACT, operations=operations)
    return values.outcome(status=status, metrics=(measured,))


def points(session: Session) -> list[tuple[str, tuple[float, ...]]]:
    found = metrics.trends(session, "mainline", "sanitize")
    return [(each.night, each.values) for trend in found for each in trend.points]


def step(night: str = SECOND) -> ChangePoint:
    return ChangePoint(night=night, before=1.0, after=2.0, p_value=None, good="a", bad="b")


def test_a_trend_has_a_value_a_trial_by_night_with_its_commit(session: Session) -> None:
    take(session, SECOND, 3.0)
    take(session, FIRST, 1.0, 2.0)
    (trend,) = metrics.trends(session, "mainline", "sanitize")
    assert trend == Trend(
        measure=measure("exits"),
        points=(
            Point(night=FIRST, commit=f"commit of {FIRST}", values=(1.0, 2.0)),
            Point(night=SECOND, commit=f"commit of {SECOND}", values=(3.0,)),
        ),
    )


def test_values_are_by_operation_where_they_are_a_sum_over_some(session: Session) -> None:
    take(session, FIRST, 30.0, operations=10)
    assert points(session) == [(FIRST, (3.0,))]


def test_only_workloads_that_passed_count(session: Session) -> None:
    take(session, FIRST, 1.0, status=Status.FAIL)
    assert metrics.measures(session) == ()


def test_only_the_last_nights_count(session: Session) -> None:
    for name in NIGHTS:
        take(session, name, 1.0)
    (trend,) = metrics.trends(session, "mainline", "sanitize", nights=2)
    assert [each.night for each in trend.points] == [SECOND, THIRD]


def test_what_a_bisection_measured_is_not_of_the_tip(session: Session) -> None:
    nights.save_job(session, job(kind="bisect", run="r0"))
    take(session, FIRST, 1.0)
    assert points(session) == []


def test_trends_are_of_the_place_asked_for(session: Session) -> None:
    for where in (
        WHERE,
        replace(WHERE, shape="4 vCPUs"),
        replace(WHERE, profile="perf"),
        replace(WHERE, kernel="next"),
    ):
        take(session, FIRST, 1.0, where=where)
    assert len(metrics.measures(session)) == 4
    assert len(metrics.trends(session, "mainline", "sanitize")) == 2
    assert len(metrics.trends(session, "mainline", "sanitize", "4 vCPUs")) == 1
    assert metrics.trends(session, "mainline", "sanitize", "default", "roots") == ()


def test_metrics_are_found_by_any_rule(session: Session) -> None:
    for where in (WHERE, replace(WHERE, kernel="next")):
        take(session, FIRST, 1.0, where=where)
    (trend,) = metrics.fitting(session, lambda each: each.where.kernel == "next")
    assert trend.measure == measure("exits", where=replace(WHERE, kernel="next"))


def test_steps_are_part_of_the_trend_and_found_by_their_night(session: Session) -> None:
    take(session, FIRST, 1.0)
    take(session, SECOND, 2.0)
    (trend,) = metrics.trends(session, "mainline", "sanitize")
    metrics.save_changes(session, replace(trend, changes=(step(),)))
    (again,) = metrics.changes(session, SECOND)
    assert again.changes == (step(),)
    assert again.points == trend.points
    assert metrics.changes(session, FIRST) == ()


def test_steps_kept_again_take_the_place_of_those_in_the_same_nights(session: Session) -> None:
    for name in NIGHTS:
        take(session, name, 1.0)
    (whole,) = metrics.trends(session, "mainline", "sanitize")
    metrics.save_changes(session, replace(whole, changes=(step(FIRST), step(SECOND))))
    (recent,) = metrics.trends(session, "mainline", "sanitize", nights=2)
    metrics.save_changes(session, replace(recent, changes=(step(THIRD),)))
    (found,) = metrics.trends(session, "mainline", "sanitize")
    assert [each.night for each in found.changes] == [FIRST, THIRD]


def test_a_metric_that_changed_its_unit_is_another(session: Session) -> None:
    take(session, FIRST, 1.0)
    metrics.save_changes(session, Trend(measure=measure("exits", unit="s"), points=(), changes=(step(),)))
    assert [each.unit for each in metrics.measures(session)] == ["1", "s"]
