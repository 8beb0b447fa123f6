"""Progress on a terminal as bars, elsewhere as plain lines."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from rig import progress

EVERY = 15.0  # seconds between plain lines about one task


@dataclass(frozen=True, slots=True)
class _Bar:
    bars: Progress
    number: object

    def advance(self, steps: float = 1, *, text: str = "") -> None:
        """Move the bar."""
        self.bars.advance(self.number, steps)  # type: ignore[arg-type]
        if text:
            self.bars.update(self.number, text=Text(text, overflow="ellipsis", no_wrap=True))  # type: ignore[arg-type]


class Bars:
    """Bars that stay at the foot of the terminal while news scroll above them."""

    def __init__(self, console: Console) -> None:
        self._bars = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[text]}"),
            console=console,
        )

    def note(self, text: str) -> None:
        """Say one line of news."""
        self._bars.console.print(Text(text))

    @contextmanager
    def task(self, name: str, *, total: float | None = None) -> Iterator[progress.Task]:
        """Show a bar."""
        if not self._bars.tasks:
            self._bars.start()
        number = self._bars.add_task(name, total=total, text="")
        try:
            yield _Bar(self._bars, number)
        finally:
            self._bars.remove_task(number)
            if not self._bars.tasks:
                self._bars.stop()


@dataclass(slots=True)
class _Lines:
    console: Console
    name: str
    total: float | None
    done: float = 0
    began: float = field(default_factory=time.monotonic)
    said: float = field(default_factory=time.monotonic)

    def advance(self, steps: float = 1, *, text: str = "") -> None:
        """Say where it stands, now and then."""
        self.done += steps
        now = time.monotonic()
        if now - self.said < EVERY:
            return
        self.said = now
        share = f"{self.done:g}/{self.total:g}" if self.total else f"{self.done:g}"
        self.console.print(Text(f"{self.name}: {share}, {now - self.began:.0f} s{self._left(now)} {text}".rstrip()))

    def _left(self, now: float) -> str:
        if not self.total or not self.done:
            return ""
        return f", about {(self.total - self.done) * (now - self.began) / self.done:.0f} s left"


class Plain:
    """Progress as lines of text, for pipes and logs."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def note(self, text: str) -> None:
        """Say one line of news."""
        self._console.print(Text(text))

    @contextmanager
    def task(self, name: str, *, total: float | None = None) -> Iterator[progress.Task]:
        """Say that it begins and how long it took."""
        self._console.print(Text(f"{name} …"))
        lines = _Lines(self._console, name, total)
        yield lines
        self._console.print(Text(f"{name}: done in {time.monotonic() - lines.began:.0f} s"))


def shown(*, quiet: bool) -> progress.Progress:
    """Return the progress that suits standard error."""
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    if quiet:
        return progress.Silent()
    return Bars(console) if console.is_terminal else Plain(console)
