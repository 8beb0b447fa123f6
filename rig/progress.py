"""How stages say what they are doing; who shows it is the caller's choice. No I/O."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from rig.events import Event


class Task(Protocol):
    """One piece of long work that is being shown."""

    def advance(self, steps: float = 1, *, text: str = "") -> None:
        """Say that `steps` more are done and, optionally, what is done now."""


class Progress(Protocol):
    """Where stages send what a person watching wants to know."""

    def note(self, text: str) -> None:
        """Say one line of news."""

    def task(self, name: str, *, total: float | None = None) -> AbstractContextManager[Task]:
        """Show a piece of work for as long as the context lasts; `total` in steps, None if unknown."""

    def tell(self, event: Event) -> None:
        """Say what has become of a trial."""


class _SilentTask:
    def advance(self, steps: float = 1, *, text: str = "") -> None:
        """Ignore it."""


class Silent:
    """Progress that nobody watches."""

    def note(self, text: str) -> None:
        """Ignore it."""

    @contextmanager
    def task(self, name: str, *, total: float | None = None) -> Iterator[Task]:  # noqa: ARG002
        """Show nothing."""
        yield _SilentTask()

    def tell(self, event: Event) -> None:
        """Ignore it."""
