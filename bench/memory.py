"""What asking the memory costs when it is full: 10,000 trials of 100 metrics each, over 60 nights, in SQLite."""

import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from sqlalchemy.orm import Session

from rig.memory import database, health, metrics, nights, regressions, runs
from rig.memory.database import Database
from tests import values
from tests.filling import BUG, PLACES, fill

NIGHTS, TRIALS = 60, 168  # a night
BOUND = 1.0  # second
TIMES = 3
MB = 1_000_000

Say = Callable[..., None]
Query = Callable[[Session], object]


def measure(say: Say) -> None:
    """Print the slowest of each query's times, and what the memory takes."""
    with tempfile.TemporaryDirectory(prefix="rig-bench-") as name:
        file = Path(name) / "memory.sqlite"
        with database.opened(str(file)) as memory:
            filling = _timed(partial(_fill, memory))
            count = NIGHTS * TRIALS
            say("filling it, ms a trial", filling * 1000 / count, 20, f"{count} trials; making them up included")
            for what, query in _queries(memory):
                slowest = max(_timed(partial(_asked, memory, query)) for _ in range(TIMES))
                say(f"{what}, s", slowest, BOUND, f"slowest of {TIMES}")
        say("its file, MB", file.stat().st_size / MB, 200, f"{file.stat().st_size / count / 1000:.1f} kB a trial")


def _fill(memory: Database) -> None:
    """Keep all nights."""
    with memory.session() as session:
        fill(session, NIGHTS, TRIALS, seed=1)


def _asked(memory: Database, query: Query) -> None:
    with memory.reading() as session:
        query(session)


def _timed(work: Callable[[], object]) -> float:
    began = time.monotonic()
    work()
    return time.monotonic() - began


def _queries(memory: Database) -> Iterator[tuple[str, Query]]:
    """Yield every question that nights, pages and `rig history` ask."""
    with memory.reading() as session:
        ids = [each.id for each in nights.nights(session)]
        number = regressions.regressions(session)[0].number
        name = runs.findings(session, ids[0])[0][1]
    last, step, where = ids[0], ids[NIGHTS // 2 - 1], PLACES[0]
    asked = partial(runs.base_trials, environment=values.ENVIRONMENT, seconds=10)
    yield "nights.nights", nights.nights
    yield "nights.unfinished", lambda s: nights.unfinished(s, "lab1")
    yield "nights.tips", lambda s: nights.tips(s, last)
    yield "nights.tips_of", lambda s: nights.tips_of(s, where.kernel)
    yield "nights.jobs", lambda s: nights.jobs(s, last)
    yield "nights.last_ran", nights.last_ran
    yield "runs.run", lambda s: runs.run(s, name)
    yield "runs.base_trials", lambda s: asked(s, digest="base-sanitize", profile="sanitize")
    yield "runs.cells", lambda s: runs.cells(s, last)
    yield "runs.findings", lambda s: runs.findings(s, last)
    yield "runs.able", lambda s: runs.able(s, last, where.kernel, ("sanitize",), ("default",), ("root-churn",))
    yield "runs.by_hand", lambda s: runs.by_hand(s, lambda each: each.title == BUG)
    yield "regressions.regressions", regressions.regressions
    yield "regressions.regression", lambda s: regressions.regression(s, number)
    yield "metrics.measures", metrics.measures
    yield "metrics.trends, a profile", lambda s: metrics.trends(s, where.kernel, "sanitize")
    yield "metrics.trends, a workload", lambda s: metrics.trends(s, where.kernel, "perf", "default", "root-churn")
    yield "metrics.fitting, a name", lambda s: metrics.fitting(s, lambda each: each.name == "metric_00")
    yield "metrics.changes", lambda s: metrics.changes(s, step)
    yield "health.records", health.records
    yield "health.durations", health.durations
    yield "health.duties", health.duties
