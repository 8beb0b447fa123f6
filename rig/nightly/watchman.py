"""A night from its begin to what is told of it."""

from rig import paths
from rig.memory.database import Database
from rig.nightly import evening, morning, night
from rig.nightly.diary import Diary
from rig.nightly.evening import Asked
from rig.nightly.morning import Morning
from rig.progress import Progress


async def whole(asked: Asked, memory: Database, progress: Progress) -> Morning:
    """Do a night, or what is left of the one that was interrupted; raises RigError for faults of the host."""
    diary = Diary(paths.nightly() / "log", progress)
    shift = await evening.begin(asked, memory, diary)
    diary.note(f"night {shift.night.id}, until {shift.night.deadline}")
    await night.work(shift)
    return await morning.end(shift)
