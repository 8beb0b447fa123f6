"""A night in order: each job, what of it is new or gone, and which commit it was."""

from dataclasses import replace

from rig.memory import nights
from rig.memory.values import Job, JobKind, Regression, Where
from rig.nightly import jobs, regressions, watch
from rig.nightly.shift import Shift
from rig.reports.sightings import BOOT

SHORTEST = 30.0  # seconds; with less left no job is begun


async def work(shift: Shift) -> None:
    """Do what is left of a night's jobs; raises RigError for faults of the host.

    A night that was interrupted goes on: jobs that are done stay done, and trials that are finished, finished.
    """
    for job in _jobs(shift):
        if job.kind == "stress" and job.state in ("planned", "running"):
            await _stress(shift, job)
            watch.look(shift)
    for regression in watch.quiet(shift):
        await _verify(shift, regression)
        watch.look(shift)
    for regression in watch.unexplained(shift):
        if not watch.explained(shift, regression):  # by the search for another one
            await _search(shift, regression)
    for job in (job for job in _jobs(shift) if job.state in ("planned", "running")):
        shift.save(replace(job, state="left out", why="the night was over"))


def _jobs(shift: Shift) -> tuple[Job, ...]:
    with shift.memory.reading() as session:
        return nights.jobs(session, shift.night.id)


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
    return alike and done.unbuilt


# ---- what is gone, and where the rest came from


async def _verify(shift: Shift, regression: Regression) -> None:
    """Run what showed a regression until it is sure to be gone, or there again."""
    job = _job(shift, "verify", regression)
    if job and shift.left > SHORTEST:
        shift.begin(job)
        await jobs.verify(shift, job, regression)


async def _search(shift: Shift, regression: Regression) -> None:
    """Search for the commit that brought a regression in, as long as the night lasts."""
    job = _job(shift, "bisect", regression)
    if not job or shift.left < SHORTEST:
        return
    shift.begin(job)
    answer = await jobs.bisect(shift, job, regression)
    if answer:
        watch.explain(shift, regression, answer)


def _job(shift: Shift, kind: JobKind, regression: Regression) -> Job | None:
    """Return the job about a regression: the one that was begun, or a new one; None if it is over with."""
    there = _jobs(shift)
    about = kind, regression.kernel, regression.title
    known = next((job for job in there if (job.kind, job.where.kernel, job.title) == about), None)
    if known:
        return known if known.state in ("planned", "running") else None
    where = next((place for place in shift.places if watch.at(place, regression)), None)
    runs_there = {name for name, _ in shift.places[where].workloads} if where else set()
    names = tuple(name for name in regression.workloads if name in runs_there)
    anywhere = regression.type in regressions.CERTAIN or BOOT in regression.workloads
    if where is None or not (names or anywhere):
        return None
    if kind == "bisect":
        names = names[:1]  # each that reports it spends the detectors: the others would need boots of their own
    return shift.save(_made(shift, kind, regression, where, names, number=len(there) + 1))


def _made(
    shift: Shift, kind: JobKind, regression: Regression, where: Where, names: tuple[str, ...], *, number: int
) -> Job:
    between = f"between {regression.good[:12]} and {regression.bad[:12]}"
    return Job(
        night=shift.night.id,
        number=number,
        kind=kind,
        where=where,
        workloads=names or tuple(name for name, _ in shift.places[where].workloads[:1]),
        expected=0.0,
        title=regression.title,
        why="to show that it is gone" if kind == "verify" else between,
    )
