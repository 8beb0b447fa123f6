"""A night's jobs on a terminal and as JSON."""

import json
from io import StringIO

from rich.console import Console

from rig.memory.values import Job, Night, Where
from rig.render import nightly
from tests.values import HOSTILE

NIGHT = Night(
    id="2026-01-05", began="2026-01-05T22:00:00+00:00", deadline="2026-01-06T06:00:00+00:00", host="h", notes=(HOSTILE,)
)
JOB = Job(
    night=NIGHT.id,
    number=1,
    kind="bisect",
    where=Where(kernel="mainline", profile="sanitize", shape="default"),
    workloads=("churn",),
    expected=90.0,
    taken=75.0,
    state="done",
    title=HOSTILE,
    why="weight 4",
)


def test_jobs_are_rows_and_nothing_that_a_console_said_gets_to_the_terminal() -> None:
    out = StringIO()
    Console(file=out, width=200).print(nightly.table(NIGHT, (JOB,)))
    shown = out.getvalue()
    assert all(word in shown for word in ("bisect", "mainline", "sanitize", "1:30", "1:15", "done", "weight 4"))
    assert "\x1b[2J" not in shown
    assert "\u202e" not in shown


def test_as_json_it_is_the_values_themselves() -> None:
    made = json.loads(nightly.to_json(NIGHT, (JOB,)))
    assert (made["schema"], made["night"]["id"], made["jobs"][0]["where"]["profile"]) == (1, "2026-01-05", "sanitize")
    assert made["jobs"][0]["title"] == HOSTILE
