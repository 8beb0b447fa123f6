"""How a night ends: steps in metrics are looked for, the disk is kept under its quota."""

from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy.orm import Session

from rig import gc, plan
from rig.memory import metrics, nights
from rig.memory.values import ChangePoint, Trend, Where
from rig.nightly import changes
from rig.nightly.shift import Shift


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A step in a metric that nobody was told of yet."""

    trend: Trend
    change: ChangePoint

    def __str__(self) -> str:
        what = self.trend.measure
        return f"{what.where.kernel}: {what.workload}/{what.name}: {self.change.before:g} to {self.change.after:g}"


def steps(shift: Shift) -> tuple[Step, ...]:
    """Look for steps in all that was measured at tonight's places; return those that were not known, and keep all."""
    with shift.memory.reading() as session:
        jobs = nights.jobs(session, shift.night.id)
        places = dict.fromkeys(job.where for job in jobs if job.state == "done" and job.kind == "stress")
        trends = [trend for each in places for trend in _trends(session, each)]
    found = [replace(trend, changes=_changes(trend, trend.measure.where)) for trend in trends]
    with shift.memory.session() as session:
        for before, after in zip(trends, found, strict=True):
            if before.changes != after.changes:
                metrics.save_changes(session, after)
    return tuple(
        Step(trend=after, change=change)
        for before, after in zip(trends, found, strict=True)
        for change in changes.fresh(before.changes, after.changes)
    )


def _trends(session: Session, where: Where) -> tuple[Trend, ...]:
    return metrics.trends(session, where.kernel, where.profile, where.shape)


def _changes(trend: Trend, where: Where) -> tuple[ChangePoint, ...]:
    return changes.changes(trend.points, trend.measure.kind, judges_speed=plan.profile(where.profile).judges_speed)


def sweep(shift: Shift) -> None:
    """Remove what is beyond the quota, and say what it was."""
    began = datetime.fromisoformat(shift.night.began).timestamp()
    items = tuple(gc.beyond(shift.file.quota, began)) if shift.file.quota is not None else ()
    for item in items:
        gc.remove(item)
    if items:
        freed = sum(item.bytes for item in items) / 1e6
        shift.progress.note(f"removed {len(items)} things, {freed:.0f} MB, to stay within the quota")
