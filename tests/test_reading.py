from dataclasses import replace
from pathlib import Path

import pytest

from rig.model import Trial
from rig.reading import Reader
from tests import values
from tests.lab import SPLAT

BEGIN = "[    4.500000][   T90] rig: begin churn\n"


async def read(directory: Path, console: str) -> Trial:
    trial = values.trial()
    (directory / trial.console).write_text(console)
    return await Reader(kernel=values.kernel(), decoder=None).read(trial, directory)


async def test_sightings_know_when_they_came(tmp_path: Path) -> None:
    (sighting,) = (await read(tmp_path, BEGIN + SPLAT)).sightings
    assert (sighting.workload, sighting.began) == ("churn", 4.5)
    assert sighting.at == pytest.approx(12.0, abs=0.001)


async def test_dropped_messages_are_counted(tmp_path: Path) -> None:
    dropped = "** 12 printk messages dropped **\n"
    assert (await read(tmp_path, BEGIN + dropped + SPLAT + dropped)).dropped == 24


async def test_a_trial_without_a_console_says_nothing(tmp_path: Path) -> None:
    trial = replace(values.trial(), console="none.log")
    assert await Reader(kernel=values.kernel(), decoder=None).read(trial, tmp_path) == trial
