"""Progress on a terminal as a view that is kept up to date, elsewhere as plain lines."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from rig import progress
from rig.cli.reflow import Reflow
from rig.duration import clock
from rig.errors import InputError
from rig.events import Doing, Event, Seen
from rig.model import Trial
from rig.render import told, watch
from rig.render.escape import printable
from rig.standing import Standing

EVERY = 30.0  # seconds between plain lines about what just goes on
SOONER = 5.0  # the same, for those who want to know all
FRAMES = 4.0  # a second


@dataclass(frozen=True, slots=True)
class _Task:
    on_advance: Callable[[float, str], None]

    def advance(self, steps: float = 1, *, text: str = "") -> None:
        """Pass it on."""
        self.on_advance(steps, text)


class _Watcher:
    """What the view and the lines have in common: how the run stands, and where it is told."""

    def __init__(self, console: Console, earlier: tuple[Trial, ...] = (), *, verbose: bool = False) -> None:
        self._console, self._verbose = console, verbose
        self._standing = Standing(began=time.monotonic(), earlier=earlier)

    def note(self, text: str) -> None:
        """Say one line of news."""
        self._say(text)

    def tell(self, event: Event) -> None:
        """Say what has become of a trial."""
        self._standing = self._standing.told(event, time.monotonic())

    def close(self) -> None:
        """Take note that nothing more comes."""

    def _say(self, text: str, style: str = "") -> None:
        self._console.print(Text(printable(text), style=style))

    def _say_event(self, event: Event) -> None:
        line = told.line(event, self._standing, now=time.monotonic(), verbose=self._verbose)
        if line:
            self._say(line, "red" if isinstance(event, Seen) else "")


class View(_Watcher):
    """A view at the foot of the terminal while anything is going on; news scroll above it."""

    _live: Live | None = None

    def tell(self, event: Event) -> None:
        """Show what has become of a trial."""
        super().tell(event)
        self._show()
        if self._verbose:
            self._say_event(event)

    @contextmanager
    def task(self, name: str, *, total: float | None = None) -> Iterator[progress.Task]:
        """Show a bar."""
        self._standing, number = self._standing.begun(name, total, time.monotonic())
        self._show()
        try:
            yield _Task(lambda steps, text: self._advance(number, steps, text))
        finally:
            self._standing = self._standing.ended(number)
            self._show()

    def close(self) -> None:
        """Leave the last state of the trials behind, and the terminal as it was."""
        if self._live:
            self._console.pop_render_hook()
            self._live.transient = not self._standing.rows
            self._live.stop()
            self._live = None

    def _advance(self, number: int, steps: float, text: str) -> None:
        self._standing = self._standing.advanced(number, steps, text)

    def _show(self) -> None:
        """Open the view if there is something to be seen, and close it if there never was a trial."""
        if self._standing.idle and not self._standing.rows:
            self.close()
        elif not self._live:
            self._open()

    def _open(self) -> None:
        # What goes to stdout is the result, and maybe into a pipe; it comes once the view is closed.
        self._reflow = Reflow(self._console)
        self._live = Live(
            console=self._console, get_renderable=self._frame, refresh_per_second=FRAMES, redirect_stdout=False
        )
        self._live.start()
        self._console.push_render_hook(self._reflow)

    def _frame(self) -> Group:
        width, height = self._console.size
        lines = watch.view(self._standing, now=time.monotonic(), width=width, height=height - 1)
        self._reflow.frame = tuple(line.cell_len for line in lines)
        return Group(*lines)


class Plain(_Watcher):
    """Lines of text for pipes and logs: one an event, and now and then one about what just goes on."""

    _said = 0.0  # when the last line was

    def tell(self, event: Event) -> None:
        """Say it, if it is worth a line."""
        super().tell(event)
        self._say_event(event)
        if isinstance(event, Doing) and self._due():
            self._say(told.doing(event, self._standing, time.monotonic()))

    @contextmanager
    def task(self, name: str, *, total: float | None = None) -> Iterator[progress.Task]:
        """Say that it begins and how long it took."""
        began = time.monotonic()
        self._standing, number = self._standing.begun(name, total, began)
        self._say(f"{name} …")
        try:
            yield _Task(lambda steps, text: self._advance(number, steps, text))
        finally:
            self._standing = self._standing.ended(number)
        self._say(f"{name}: done in {clock(time.monotonic() - began)}")

    def _advance(self, number: int, steps: float, text: str) -> None:
        self._standing = self._standing.advanced(number, steps, text)
        if self._due():
            self._say(watch.work(self._standing.work(number), now=time.monotonic(), width=self._console.width).plain)

    def _due(self) -> bool:
        return time.monotonic() - self._said >= (SOONER if self._verbose else EVERY)

    def _say(self, text: str, style: str = "") -> None:
        self._said = time.monotonic()
        super()._say(text, style)


@contextmanager
def shown(
    *, quiet: bool = False, verbose: bool = False, earlier: tuple[Trial, ...] = ()
) -> Iterator[progress.Progress]:
    """Give the progress that suits standard error; `earlier` trials say how long the like of them take."""
    if quiet and verbose:
        raise InputError("--quiet and --verbose exclude each other")
    if quiet:
        yield progress.Silent()
        return
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    watcher = (View if moves(console) else Plain)(console, earlier, verbose=verbose)
    try:
        yield watcher
    finally:
        watcher.close()


def moves(console: Console) -> bool:
    """Say whether a cursor can be moved on standard error; FORCE_COLOR makes rich believe that of pipes too."""
    return console.is_interactive and sys.stderr.isatty()
