"""What the site of a memory of 10,000 trials costs: gathering it, each page, and a second time with nothing new."""

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rig import site
from rig.memory.database import opened
from rig.render.site.pages import Page, pages
from tests.filling import fill

NIGHTS, TRIALS = 60, 10_000
Say = Callable[[str, float, float, str], None]


@contextmanager
def timed() -> Iterator[list[float]]:
    """Yield a list that holds the seconds that the context took, afterwards."""
    taken: list[float] = []
    began = time.monotonic()
    yield taken
    taken.append(time.monotonic() - began)


def measure(say: Say) -> None:
    """Print the figures."""
    with tempfile.TemporaryDirectory(prefix="rig-bench-") as name, opened(f"{name}/memory.sqlite") as memory:
        with memory.session() as session:
            fill(session, NIGHTS, TRIALS // NIGHTS)
        with memory.reading() as session, timed() as gathering:
            book = site.gather(session, NIGHTS)
        say("gathering 60 nights of 10,000 trials, s", gathering[0], 20, f"{len(book.trends)} trends")
        _pages(say, list(_each(pages(book))))
        for what, most in (("all pages written, s", 60.0), ("the same again, nothing new, s", 30.0)):
            with timed() as taken:
                built = site.build(memory, Path(name) / "site", last=NIGHTS)
            say(what, taken[0], most, f"{len(built.written)} pages")


def _each(made: Iterator[Page]) -> Iterator[tuple[str, float, int]]:
    """Yield each page with the seconds that its values and its text took, and its size."""
    while True:
        began = time.monotonic()
        page = next(made, None)
        if page is None:
            return
        size = len(page.text())
        yield page.path, time.monotonic() - began, size


def _pages(say: Say, found: list[tuple[str, float, int]]) -> None:
    slowest, largest = max(found, key=lambda page: page[1]), max(found, key=lambda page: page[2])
    say("the slowest page, s", slowest[1], 1, slowest[0])
    say("the largest page, MB", largest[2] / 1e6, 2, largest[0])
