"""A night from its begin to what is told of it."""

from rig import paths
from rig.memory.database import Database
from rig.nightly import evening, morning, night
from rig.nightly.diary import Diary
from rig.nightly.evening import Asked
from rig.nightly.morning import Morning
from rig.nightly.shift import Shift
from rig.progress import Progress


async def whole(asked: Asked, memory: Database, progress: Progress, *, only_left: bool = False) -> Morning | None:
    """Do a night, or what is left of the one that was interrupted; raises RigError for faults of the host.

    An interrupted one whose deadline has passed is brought to its end before. With `only_left` no new one is begun, and
    None is returned if there is none to go on with.
    """
    diary = Diary(paths.nightly() / "log", progress)
    ended = None
    while left := evening.left(memory):
        late = evening.over(left)
        ended = await _worked(await evening.again(left, asked, memory, diary))
        if not late:
            return ended
    return ended if only_left else await _worked(await evening.begin(asked, memory, diary))


async def _worked(shift: Shift) -> Morning:
    shift.progress.note(f"night {shift.night.id}, until {shift.night.deadline}")
    await night.work(shift)
    return await morning.end(shift)
