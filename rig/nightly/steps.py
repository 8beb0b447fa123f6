"""Steps in metrics that the night brought, looked for once its jobs are done."""

from dataclasses import replace

from pydantic import TypeAdapter
from sqlalchemy.orm import Session

from rig import plan
from rig.memory import metrics, nights
from rig.memory.values import ChangePoint, Trend, Where
from rig.metrics import SPEED
from rig.nightly import changes
from rig.nightly.shift import Shift, of_host

_TRENDS = TypeAdapter(tuple[Trend, ...])
FOUND = "steps of the night"  # what nobody may have been told of yet


def forget(session: Session, host: str) -> None:
    """Begin a night with none."""
    nights.save_note(session, of_host(FOUND, host), "[]")


def look(shift: Shift) -> None:
    """Look for steps in all that was measured at tonight's places, and keep them."""
    with shift.memory.reading() as session:
        jobs = nights.jobs(session, shift.night.id)
        places = dict.fromkeys(job.where for job in jobs if job.state == "done" and job.kind == "stress")
        trends = [trend for each in places for trend in _trends(session, each)]
    judged = sum(trend.measure.kind in SPEED and _judges_speed(trend) for trend in trends)
    found = [replace(trend, changes=_changes(trend, max(1, judged))) for trend in trends]
    with shift.memory.session() as session:
        new = [_kept(session, before, after) for before, after in zip(trends, found, strict=True)]
        told = (*of_tonight(session, shift.night.host), *(trend for trend in new if trend.changes))
        nights.save_note(session, of_host(FOUND, shift.night.host), _TRENDS.dump_json(told).decode())


def of_tonight(session: Session, host: str) -> tuple[Trend, ...]:
    """Return the metrics with a step that was not known before the night, each with these steps alone."""
    return _TRENDS.validate_json(nights.note(session, of_host(FOUND, host)) or "[]")


def _trends(session: Session, where: Where) -> tuple[Trend, ...]:
    return metrics.trends(session, where.kernel, where.profile, where.shape)


def _changes(trend: Trend, judged: int) -> tuple[ChangePoint, ...]:
    """Return the steps of a metric, one of so many whose speed is judged together."""
    kind = trend.measure.kind
    return changes.changes(trend.points, kind, judges_speed=_judges_speed(trend), metrics=judged)


def _judges_speed(trend: Trend) -> bool:
    return plan.profile(trend.measure.where.profile).judges_speed


def _kept(session: Session, before: Trend, after: Trend) -> Trend:
    """Keep a metric's steps; return it with those that were not known, and without its points."""
    if before.changes != after.changes:
        metrics.save_changes(session, after)
    return replace(after, points=(), changes=changes.fresh(before.changes, after.changes))
