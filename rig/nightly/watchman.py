"""A night from its begin to what is told of it."""

from dataclasses import dataclass

from rig import paths
from rig.memory import nights
from rig.memory.database import Database
from rig.memory.values import Job
from rig.nightly import evening, morning, night
from rig.nightly.diary import Diary
from rig.nightly.evening import Asked
from rig.nightly.news import News
from rig.progress import Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What a night came to."""

    news: News
    jobs: tuple[Job, ...]


async def whole(asked: Asked, memory: Database, progress: Progress) -> Done:
    """Do a night, or what is left of the one that was interrupted; raises RigError for faults of the host."""
    diary = Diary(paths.nightly() / "log", progress)
    shift = await evening.begin(asked, memory, diary)
    diary.note(f"night {shift.night.id}, until {shift.night.deadline}")
    await night.work(shift)
    news = await morning.end(shift)
    with memory.reading() as session:
        return Done(news=news, jobs=nights.jobs(session, shift.night.id))
