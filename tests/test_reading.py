import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from rig.model import Sighting, Trial
from rig.reading import Reader, overheard
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


async def test_a_report_is_overheard_once_when_it_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rig.reading.LOOK", 0.02)
    console, told = tmp_path / "log", asyncio.Queue[Sighting]()
    async with asyncio.timeout(20), overheard(console, told.put_nowait):
        with console.open("w") as file:
            for line in (BEGIN + SPLAT).splitlines(keepends=True):
                file.write(line)
                file.flush()
                await asyncio.sleep(0.001)
        sighting = await told.get()
        assert (sighting.workload, sighting.report.title) == ("churn", "WARNING in kvm_tdp_mmu_zap_all")
        with console.open("a") as file:
            file.write(BEGIN.replace("churn", "other") + SPLAT)
        assert (await told.get()).workload == "other"
    assert told.empty()


async def test_a_console_that_never_comes_is_no_trouble(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rig.reading.LOOK", 0.001)
    told: list[Sighting] = []
    async with overheard(tmp_path / "none", told.append):
        await asyncio.sleep(0.02)
    assert not told
