"""Progress that remembers what it was told."""

from typing import TypeVar

from rig.events import Event
from rig.progress import Silent

Kind = TypeVar("Kind")


class Heard(Silent):
    """Keeps the events, in order."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.notes: list[str] = []

    def tell(self, event: Event) -> None:
        """Keep it."""
        self.events.append(event)

    def note(self, text: str) -> None:
        """Keep it."""
        self.notes.append(text)

    def of(self, kind: type[Kind]) -> list[Kind]:
        """Return the events of one kind."""
        return [event for event in self.events if isinstance(event, kind)]
