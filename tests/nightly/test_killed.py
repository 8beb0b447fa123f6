"""A night that is killed wherever something is kept comes to what it would have come to."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from rig.memory import database, nights, regressions
from rig.memory.database import Database
from rig.store import Draft
from tests.lab import Lab
from tests.nightly.scripted import Branch, Killed, branch, night

__all__ = ["branch"]  # the fixture
PLAN = {"shapes": {"default": {}}, "confirm": 3}


@dataclass
class Fuse:
    """Kills the night at one of the moments before and after something is kept."""

    at: int
    burnt: int = 0
    moments: list[str] = field(default_factory=list)

    def burn(self, what: str) -> None:
        self.burnt += 1
        self.moments.append(what)
        if self.burnt == self.at:
            raise Killed

    def around(self, name: str, keep: Callable[..., Any]) -> Callable[..., Any]:
        def kept(*args: Any) -> Any:
            self.burn(f"before {name}")
            made = keep(*args)
            self.burn(f"after {name}")
            return made

        return kept

    def lay(self, patched: pytest.MonkeyPatch) -> None:
        session = Database.session

        @contextmanager
        def burning(memory: Database) -> Iterator[Any]:
            with session(memory) as made:
                yield made
            self.burn("after a transaction")

        patched.setattr(Database, "session", burning)
        for name in ("keep", "finish"):
            patched.setattr(Draft, name, self.around(name, getattr(Draft, name)))


@dataclass(frozen=True)
class Came:
    """What a night came to."""

    states: tuple[tuple[str, str], ...]
    known: tuple[Any, ...]
    messages: tuple[str, ...]


def came_to(memory: Database, told: Path) -> Came:
    with memory.reading() as session:
        (last,) = nights.nights(session)
        jobs = nights.jobs(session, last.id)
        known = regressions.regressions(session)
    return Came(
        states=tuple((job.kind, job.state) for job in jobs),
        known=tuple((each.title, each.standing, [it.hits / it.trials for it in each.observations]) for each in known),
        messages=tuple(sorted(file.name for file in told.iterdir())),
    )


async def test_wherever_it_is_killed(lab: Lab, branch: Branch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    branch.bad = {"c1"}
    moments = 100
    whole, boots, at = None, 0, 0
    while at < moments:
        place = tmp_path / str(at)
        monkeypatch.setenv("XDG_STATE_HOME", str(place))
        lab.boots.clear()
        fuse, told = Fuse(at=at), place / "told"
        with database.opened(str(place / "memory.sqlite")) as memory:
            with monkeypatch.context() as patched:
                fuse.lay(patched)
                try:
                    await night(memory, place, **PLAN, tell={"directory": str(told)})
                except BaseException:
                    assert fuse.burnt >= at > 0
            if at:
                await night(memory, place, **PLAN, tell={"directory": str(told)})
            came = came_to(memory, told)
        if whole is None:
            whole, boots, moments = came, len(lab.boots), fuse.burnt
            assert boots >= 4
        assert came == whole, f"killed {fuse.moments[-1]}, moment {at} of {moments}"
        # run again: a trial that had not been kept, and one that was just beginning
        assert len(lab.boots) <= boots + 2, f"killed {fuse.moments[-1]}, moment {at} of {moments}"
        at += 1 if at < 6 else 3
