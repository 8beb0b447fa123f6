"""A night in order: what is to be done, each job, what of it is new or gone, which commit it was, what is told."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count

from rig.bisection import Bisection
from rig.memory import nights, runs
from rig.memory import regressions as kept
from rig.memory.values import Job, JobKind, Night, Regression, Where
from rig.nightly import jobs, regressions
from rig.nightly.shift import Shift

SHORTEST = 30.0  # seconds; with less left no job is begun


async def work(shift: Shift) -> Night:
    """Do what is left of a night, and return it as it ended; raises RigError for faults of the host.

    A night that was interrupted goes on: jobs that are done stay done, and trials that are finished, finished.
    """
    for job in _waiting(shift, "stress"):
        await _stress(shift, job)
        await _look(shift)
    for regression in _quiet(shift):
        await _verify(shift, regression)
        await _look(shift)
    for regression in _unexplained(shift):
        await _search(shift, regression)
    for job in (job for job in _jobs(shift) if job.state in ("planned", "running")):
        shift.save(replace(job, state="left out", why="the night was over"))
    return _ended(shift)


def _jobs(shift: Shift) -> tuple[Job, ...]:
    with shift.memory.reading() as session:
        return nights.jobs(session, shift.night.id)


def _waiting(shift: Shift, kind: JobKind) -> tuple[Job, ...]:
    return tuple(job for job in _jobs(shift) if job.kind == kind and job.state in ("planned", "running"))


async def _stress(shift: Shift, job: Job) -> None:
    """Do a job, unless there is no time left for it or its kernel was seen not to build."""
    shown = next((each for each in _jobs(shift) if _hopeless(each, job)), None)
    if shown:
        shift.save(replace(job, state="left out", why=f"as in job {shown.number}: {shown.why}"))
    elif shift.left < SHORTEST and not job.run:
        shift.save(replace(job, state="left out", why="the night was over"))
    elif job.where.kernel not in shift.lines or job.where not in shift.places:
        shift.save(replace(job, state="left out", why="it is no longer in the plan, or could not be had"))
    else:
        shift.begin(job)
        await jobs.stress(shift, job)


def _hopeless(done: Job, job: Job) -> bool:
    """Whether a job that is done shows that the kernel of another one does not build."""
    alike = (done.where.kernel, done.where.profile) == (job.where.kernel, job.where.profile)
    return alike and done.state in ("done", "failed") and "does not build" in done.why


# ---- regressions


async def _look(shift: Shift) -> None:
    """Bring the regressions up to date with what tonight has shown so far."""
    with shift.memory.session() as session:
        known = kept.regressions(session)
        seen = (
            regressions.Seen(where=where, run=run, finding=finding)
            for where, run, finding in runs.findings(session, shift.night.id)
        )
        done = tuple(job for job in nights.jobs(session, shift.night.id) if job.state == "done")
        commits = {job.where.kernel: shift.lines[job.where.kernel].commit for job in done}

        def able(regression: Regression) -> int:
            if regression.type in regressions.CERTAIN:
                return sum(_at(job.where, regression) for job in done if job.kind == "stress")
            return _able(session, shift.night.id, regression)

        tonight = regressions.Tonight(night=shift.night.id, commits=commits, able=able)
        before = {regression.number: regression for regression in known}
        for each in regressions.fold(known, seen, tonight):
            again = not each.number or not before[each.number].open
            saved = kept.save(session, replace(each, good=_good(session, shift, each)) if again and each.open else each)
            _tell(shift, before.get(each.number), saved)


def _at(where: Where, regression: Regression) -> bool:
    return where.kernel == regression.kernel and where.profile in regression.profiles
