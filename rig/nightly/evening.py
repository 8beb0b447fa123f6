"""How a night begins: an interrupted one is gone on with, else kernels are fetched and jobs planned."""

import socket
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy.orm import Session

from rig.errors import InputError
from rig.experiment import Overrides
from rig.guest import accel
from rig.kernel.build import foreseen
from rig.memory import health, nights, regressions
from rig.memory.database import Database
from rig.memory.values import Job, Night, Regression, Tip, Where
from rig.model import Building
from rig.nightly import kernels, matrix, morning, planning
from rig.nightly.health import in_order
from rig.nightly.kernels import Line
from rig.nightly.matrix import NightlyFile, Place
from rig.nightly.shift import Shift
from rig.plan import guests_that_fit, known_issues, plan_file, profile, workload_table
from rig.progress import Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What `rig nightly` was asked for."""

    file: NightlyFile
    path: Path  # of that file
    overrides: Overrides
    command: str


def check(file: NightlyFile, path: Path) -> None:
    """Raise InputError if the plan names what there is not."""
    for name in file.profiles:
        profile(name)
    table = workload_table()
    unknown = [name for name in file.workloads if name not in table]
    if unknown:
        raise InputError(f"{path}: workloads: no workload {unknown[0]!r}", hint=f"there is: {', '.join(table)}")
    plan_file(file.plan)
    for name, kernel in file.kernels.items():
        kernels.check(name, kernel, path)
    if not matrix.places(file):
        raise InputError(f"{path}: everything is excluded")


async def _found(asked: Asked, memory: Database, progress: Progress) -> tuple[tuple[Line, ...], tuple[str, ...]]:
    with memory.reading() as session:
        good = {name: _last_good(session, name) for name, file in asked.file.kernels.items() if file.release}
    return await kernels.found(asked.file.kernels, progress, asked.path.parent, lambda name: good.get(name, ""))


def _last_good(session: Session, kernel: str) -> str:
    """Return the newest commit of a kernel whose night did all its jobs while no regression was open; "" for none."""
    known = [each for each in regressions.regressions(session, kernel) if each.standing == "confirmed"]
    for tip in nights.tips_of(session, kernel):
        jobs = [job for job in nights.jobs(session, tip.night) if job.where.kernel == kernel and job.kind == "stress"]
        done = bool(jobs) and all(job.state == "done" for job in jobs)
        if tip.commit and done and not any(_open_in(tip.night, each) for each in known):
            return tip.commit
    return ""


def _open_in(night: str, regression: Regression) -> bool:
    """Whether a regression was seen in a night, or could have been."""
    opened, now = in_order(regression.opened), in_order(night)
    return opened <= now and (regression.open or now < in_order(regression.closed))


def left(memory: Database) -> Night | None:
    """Return the night that was interrupted on this host; None if there is none."""
    with memory.reading() as session:
        return morning.left(session, socket.gethostname())


def over(night: Night) -> bool:
    """Say whether the deadline of a night has passed."""
    return datetime.fromisoformat(night.deadline) <= datetime.now(UTC)


async def again(night: Night, asked: Asked, memory: Database, progress: Progress) -> Shift:
    """Return a night that was interrupted, with its kernels as they were when it began."""
    progress.note(f"going on with the night {night.id}, which was interrupted")
    with memory.reading() as session:
        tips = {tip.kernel: tip for tip in nights.tips(session, night.id)}
    lines, _ = await _found(asked, memory, progress)
    was = {line.name: kernels.again(line, tips[line.name]) for line in lines if line.name in tips}
    return replace(_shift(asked, memory, progress, lines), night=night, lines=was)


async def begin(asked: Asked, memory: Database, progress: Progress) -> Shift:
    """Return a new night, its kernels fetched, its jobs planned, all of it kept."""
    lines, notes = await _found(asked, memory, progress)
    return await _planned(_shift(asked, memory, progress, lines), notes)


async def foretell(asked: Asked, memory: Database, progress: Progress) -> tuple[Night, tuple[Job, ...]]:
    """Return the night that would begin now, and its jobs; or what is left of the one that was interrupted."""
    old = left(memory)
    if old and not over(old):
        with memory.reading() as session:
            return old, nights.jobs(session, old.id)
    lines, notes = await _found(asked, memory, progress)
    shift = _shift(asked, memory, progress, lines)
    return replace(shift.night, notes=notes), await plan(shift)


def _shift(asked: Asked, memory: Database, progress: Progress, lines: tuple[Line, ...]) -> Shift:
    now = datetime.now().astimezone()
    deadline = matrix.until(asked.file.deadline, now).astimezone(UTC)
    began = datetime.now(UTC)
    with memory.reading() as session:
        name = _free(session)
    named = asked.file.known_issues
    night = Night(
        id=name,
        began=began.isoformat(timespec="seconds"),
        deadline=deadline.isoformat(timespec="seconds"),
        host=socket.gethostname(),
    )
    return Shift(
        file=asked.file,
        night=night,
        lines={line.name: line for line in lines},
        places={place.where: place for place in matrix.places(asked.file)},
        memory=memory,
        progress=progress,
        issues=known_issues(asked.path.parent / Path(named).expanduser() if named else None),
        overrides=asked.overrides,
        directory=asked.path.parent,
    )


def _free(session: Session) -> str:
    """Return what a night that begins now is called: its date, and from the second one of a day on its number."""
    date, number = f"{datetime.now():%Y-%m-%d}", 2
    name = date
    while nights.night(session, name):
        name, number = f"{date}-{number}", number + 1
    return name


async def _planned(shift: Shift, notes: tuple[str, ...]) -> Shift:
    """Return the night with its jobs planned, all of it kept."""
    jobs = await plan(shift)
    with shift.memory.session() as session:  # nobody else writes: the name is still free when it is taken
        shift = replace(shift, night=replace(shift.night, id=_free(session), notes=notes))
        morning.remember(session, shift.night.host)
        nights.save_night(session, shift.night)
        for line in shift.lines.values():
            nights.save_tip(session, line.tonight(shift.night.id))
        for job in jobs:
            nights.save_job(session, replace(job, night=shift.night.id))
    for note in notes:
        shift.progress.note(note)
    return shift


async def plan(shift: Shift) -> tuple[Job, ...]:
    """Return what a night would consist of."""
    there = tuple(place for place in shift.places.values() if place.where.kernel in shift.lines)
    building = await _building(shift, there)
    chosen = await accel.find(shift.overrides.accel, "host")
    at_once = shift.overrides.jobs or min((guests_that_fit(place.shape, chosen) for place in there), default=1)
    with shift.memory.reading() as session:
        tonight = planning.Tonight(
            night=shift.night.id,
            seconds=shift.left * (1 - shift.file.reserve),
            stress=shift.file.seconds or plan_file(shift.file.plan).seconds,
            repeats=shift.file.repeats,
            durations=health.durations(session),
            building=building,
            last=nights.last_ran(session),
            nights=tuple(night.id for night in nights.nights(session)),
            lent=_lent(session, shift, there),
            jobs_at_once=at_once,
        )
    return planning.plan(there, tonight)


async def _building(shift: Shift, places: tuple[Place, ...]) -> Mapping[tuple[str, str], tuple[Building, Building]]:
    """Return what has to be built for base and tip, by kernel and profile."""
    found: dict[tuple[str, str], tuple[Building, Building]] = {}
    for place in places:
        key = place.where.kernel, place.where.profile
        if key not in found:
            line, under = shift.lines[key[0]], profile(key[1])
            base = await foreseen(line.base, under, shift.progress)
            found[key] = base, await foreseen(line.tip, under, shift.progress)
    return found


def _lent(session: Session, shift: Shift, places: tuple[Place, ...]) -> frozenset[Where]:
    """Return the places at which this release ran before, so that its trials are there."""
    ran = {where for where, _ in nights.last_ran(session)}
    return frozenset(
        place.where for place in places if place.where in ran and _same(session, shift, place.where.kernel)
    )


def _same(session: Session, shift: Shift, kernel: str) -> bool:
    before: tuple[Tip, ...] = nights.tips_of(session, kernel, last=1)
    return any(tip.base_commit == shift.lines[kernel].base_commit for tip in before)
