"""The table of recordings, the driver that commits the crimes, and the logs that came of them belong together."""

import re

import pytest

from tests.reports.record.__main__ import GOLDEN, HERE
from tests.reports.record.recordings import DEMAND, RECORDINGS, Recording

KEPT = [recording for recording in RECORDINGS if (GOLDEN / f"{recording.name}.log").exists()]


def test_each_crime_of_the_driver_is_recorded_and_no_other() -> None:
    known = re.findall(r'^\+\t\{"([\w-]+)", mis_\w+\},$', (HERE / "misbehave.patch").read_text(), re.MULTILINE)
    steps = "\n".join(step for recording in RECORDINGS for step in recording.steps)
    assert set(re.findall(rf"echo ([\w-]+) > {DEMAND}", steps)) == set(known)


@pytest.mark.parametrize("recording", KEPT, ids=lambda recording: recording.name)
def test_a_kept_console_says_what_it_was_recorded_for(recording: Recording) -> None:
    log = (GOLDEN / f"{recording.name}.log").read_text(errors="replace")
    assert re.search(recording.says, log)
