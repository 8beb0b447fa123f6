import asyncio
import os
import tempfile
from pathlib import Path

import pytest

from rig import cache
from rig.progress import Silent


class Heard(Silent):
    """Remembers the notes."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


def test_an_entry_appears_whole(tmp_path: Path) -> None:
    with cache.published(tmp_path / "entry") as work:
        (work / "file").write_text("x")
        assert not (tmp_path / "entry").exists()
    assert (tmp_path / "entry" / "file").read_text() == "x"


def test_a_failed_entry_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), cache.published(tmp_path / "entry") as work:
        (work / "file").write_text("x")
        raise RuntimeError
    assert not list(tmp_path.rglob("file"))
    assert not (tmp_path / "entry").exists()


async def test_a_second_rig_waits_and_says_so(tmp_path: Path) -> None:
    heard = Heard()
    order: list[str] = []

    async def second() -> None:
        async with cache.locked(tmp_path / "lock", heard):
            order.append("second")

    async with cache.locked(tmp_path / "lock", Silent()):
        waiting = asyncio.create_task(second())
        while not heard.notes:
            await asyncio.sleep(0.01)
        order.append("first")
    await waiting
    assert order == ["first", "second"]
    assert "waiting for another rig" in heard.notes[0]


@pytest.fixture(autouse=True)
def own_tmp(own_dirs: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", None)
    return own_dirs


def test_scratch_is_private_and_removed(own_tmp: Path) -> None:
    with cache.scratch() as place:
        assert place.stat().st_mode & 0o077 == 0
        assert str(place).startswith(str(own_tmp))
    assert not place.exists()


def test_scratch_of_a_killed_rig_is_swept_and_a_living_one_is_not() -> None:
    with cache.scratch() as living:
        stale = living.parent / "stale"
        stale.mkdir()
        for old in (living, stale):
            os.utime(old, (0, 0))
        with cache.scratch():
            assert living.exists()
            assert not stale.exists()
