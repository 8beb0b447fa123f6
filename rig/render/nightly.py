"""A night's jobs on a terminal and as JSON. No I/O."""

import json
from dataclasses import asdict
from datetime import datetime

from rich.table import Table
from rich.text import Text

from rig import duration
from rig.memory.values import Job, Night
from rig.render.escape import printable

STYLES = {"done": "green", "failed": "red", "left out": "dim", "running": "yellow"}


def table(night: Night, jobs: tuple[Job, ...]) -> Table:
    """Return the jobs of a night in their order."""
    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold", title_justify="left")
    total = sum(job.expected for job in jobs if job.state != "left out")
    made.title = f"night {night.id}: until {_local(night.deadline)}, about {duration.clock(total)} of work"
    for column in ("#", "job", "kernel", "profile", "shape", "workloads", "expected", "taken", "state", "why"):
        made.add_column(column, overflow="fold", justify="right" if column in ("#", "expected", "taken") else "left")
    for job in jobs:
        made.add_row(*_row(job))
    made.caption = Text("\n".join(printable(note) for note in night.notes), style="yellow") if night.notes else None
    return made


def _local(moment: str) -> str:
    """Return a moment as clocks here show it."""
    return f"{datetime.fromisoformat(moment).astimezone():%H:%M on %d %B}"


def _row(job: Job) -> tuple[Text, ...]:
    cells = (
        str(job.number),
        job.kind,
        job.where.kernel,
        job.where.profile,
        job.where.shape,
        job.title or ", ".join(job.workloads),
        duration.clock(job.expected) if job.expected else "",
        duration.clock(job.taken) if job.taken is not None else "",
        job.state,
        job.why,
    )
    return tuple(Text(printable(cell), style=STYLES.get(job.state, "")) for cell in cells)


def to_json(night: Night, jobs: tuple[Job, ...]) -> str:
    """Return the night with its jobs as JSON: the fields of both values."""
    return json.dumps({"schema": 1, "night": asdict(night), "jobs": [asdict(job) for job in jobs]}, indent=1)
