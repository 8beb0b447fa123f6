"""A night from its begin to what is told of it."""

from dataclasses import dataclass

from rig import paths
from rig.memory import nights, regressions
from rig.memory.database import Database
from rig.memory.values import Job, Night, Regression
from rig.nightly import evening, morning, night
from rig.nightly.diary import Diary
from rig.nightly.evening import Asked
from rig.nightly.shift import Shift
from rig.progress import Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What a night came to."""

    night: Night
    jobs: tuple[Job, ...]
    opened: tuple[Regression, ...]
    told: tuple[str, ...]  # what is to be said at its end


async def whole(asked: Asked, memory: Database, progress: Progress) -> Done:
    """Do a night, or what is left of the one that was interrupted; raises RigError for faults of the host."""
    diary = Diary(paths.nightly() / "log", progress)
    shift = await evening.begin(asked, memory, diary)
    diary.note(f"night {shift.night.id}, until {shift.night.deadline}")
    ended = await night.work(shift)
    for step in morning.steps(shift):
        diary.note(str(step))
    morning.sweep(shift)
    return _done(shift, ended)


def _done(shift: Shift, ended: Night) -> Done:
    with shift.memory.reading() as session:
        jobs = nights.jobs(session, ended.id)
        opened = tuple(
            each
            for each in regressions.regressions(session, open_only=True)
            if each.opened == ended.id and each.standing == "confirmed"
        )
    return Done(night=ended, jobs=jobs, opened=opened, told=())
