"""The log of a night: all its news with their times, beside whatever else shows them."""

from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path

from rig.events import Event, TrialDone
from rig.progress import Progress, Task
from rig.render.escape import printable


class Diary:
    """Progress that is written down as well."""

    def __init__(self, file: Path, progress: Progress) -> None:
        self._file, self._progress = file, progress
        file.parent.mkdir(parents=True, exist_ok=True)

    def note(self, text: str) -> None:
        """Say one line of news, and write it down."""
        self.write(text)
        self._progress.note(text)

    def task(self, name: str, *, total: float | None = None) -> AbstractContextManager[Task]:
        """Show a piece of work; that it began is written down."""
        self.write(name)
        return self._progress.task(name, total=total)

    def tell(self, event: Event) -> None:
        """Say what has become of a trial; its end is written down."""
        if isinstance(event, TrialDone):
            said = ", ".join(f"{outcome.workload} {outcome.status}" for outcome in event.trial.outcomes)
            self.write(f"{event.boot.kernel}, boot {event.boot.index}: {event.trial.end}: {said}")
        self._progress.tell(event)

    def write(self, text: str) -> None:
        """Write news down, a line each."""
        with self._file.open("a", encoding="utf-8") as file:
            for line in text.splitlines():
                file.write(f"{datetime.now():%Y-%m-%d %H:%M:%S} {printable(line)}\n")
