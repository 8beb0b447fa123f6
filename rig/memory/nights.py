"""Nights, what was planned and done in them, and small facts."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, exists, func, select
from sqlalchemy.orm import Session

from rig.memory import rows
from rig.memory.tables import JobRow, NightRow, NoteRow, OutcomeRow, RunRow, TipRow, TrialRow
from rig.memory.values import Job, Night, Tip, Where
from rig.model import Status

NEWEST = (NightRow.began.desc(), NightRow.id.desc())


def save_night(s: Session, night: Night) -> None:
    """Keep a night, in the place of what was known of it."""
    s.merge(NightRow(**rows.columns(night)))
    s.flush()


def night(s: Session, id: str) -> Night | None:
    """Return a night; None if there is none of that ID."""
    row = s.get(NightRow, id)
    return rows.value(Night, row) if row else None


def nights(s: Session, last: int = 60) -> tuple[Night, ...]:
    """Return the last nights, the newest first."""
    return _nights(s, select(NightRow).order_by(*NEWEST).limit(last))


def unfinished(s: Session, host: str) -> Night | None:
    """Return the newest night of a host that has not come to its end; None if there is none."""
    running = select(NightRow).where(NightRow.host == host, NightRow.state == "running").order_by(*NEWEST).limit(1)
    return next(iter(_nights(s, running)), None)


def _nights(s: Session, query: Select[Any]) -> tuple[Night, ...]:
    return tuple(rows.value(Night, row) for row in s.scalars(query))


def latest(last: int) -> Select[Any]:
    """Return what selects the IDs of the last nights."""
    return select(NightRow.id).order_by(*NEWEST).limit(last)


def save_tip(s: Session, tip: Tip) -> None:
    """Keep what a kernel is in a night."""
    s.merge(TipRow(**rows.columns(tip)))
    s.flush()


def tips(s: Session, night_id: str) -> tuple[Tip, ...]:
    """Return what the kernels were in a night, by name."""
    found = s.scalars(select(TipRow).where(TipRow.night == night_id).order_by(TipRow.kernel))
    return tuple(rows.value(Tip, row) for row in found)


def kernels(s: Session) -> tuple[str, ...]:
    """Return the names of the kernels that had a tip in any night."""
    return tuple(s.scalars(select(TipRow.kernel).distinct().order_by(TipRow.kernel)))


def tips_of(s: Session, kernel: str, last: int = 60) -> tuple[Tip, ...]:
    """Return what a kernel was in the last nights that had it, the newest first."""
    query = select(TipRow).join(NightRow, TipRow.night == NightRow.id).where(TipRow.kernel == kernel)
    return tuple(rows.value(Tip, row) for row in s.scalars(query.order_by(*NEWEST).limit(last)))


def save_job(s: Session, job: Job) -> None:
    """Keep a job of a night, in the place of what was known of it."""
    s.merge(JobRow(**rows.columns(job, "where"), **rows.columns(job.where)))
    s.flush()


def jobs(s: Session, night_id: str) -> tuple[Job, ...]:
    """Return the jobs of a night in their order."""
    found = s.scalars(select(JobRow).where(JobRow.night == night_id).order_by(JobRow.number))
    return tuple(rows.value(Job, row, where=rows.value(Where, row)) for row in found)


def of_tip() -> ColumnElement[bool]:
    """Return the condition that a run's kernel is the tip: a bisection tries others."""
    return ~exists().where(JobRow.run == RunRow.id, JobRow.kind == "bisect")


def last_ran(s: Session) -> dict[tuple[Where, str], str]:
    """Return the last night that each workload came to something at each place."""
    place: Sequence[Any] = (RunRow.kernel, RunRow.profile, RunRow.shape, OutcomeRow.workload)
    ran = (
        select(*place, func.max(NightRow.began))
        .join(NightRow, NightRow.id == RunRow.night)
        .join(TrialRow, TrialRow.run == RunRow.id)
        .join(OutcomeRow, OutcomeRow.trial == TrialRow.id)
        .where(TrialRow.own, OutcomeRow.status != Status.MISS, of_tip())
        .group_by(*place)
    )
    ids = s.execute(select(NightRow.began, NightRow.id).order_by(NightRow.began, NightRow.id))
    when = {began: name for began, name in ids}  # noqa: C416 - a Result taken as a mapping is none
    return {
        (Where(kernel=found[0], profile=found[1], shape=found[2]), found[3]): when[found[4]] for found in s.execute(ran)
    }


def save_note(s: Session, key: str, text: str) -> None:
    """Keep a small fact, such as when somebody was last told."""
    s.merge(NoteRow(key=key, text=text))
    s.flush()


def note(s: Session, key: str) -> str:
    """Return a small fact; "" if there is none."""
    row = s.get(NoteRow, key)
    return row.text if row else ""
