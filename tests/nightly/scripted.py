"""Nights with scripted kernels and guests, and a real memory, for tests of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from rig import yamlfile
from rig.errors import InputError
from rig.experiment import Overrides, Plan
from rig.memory import database, nights, regressions
from rig.memory.database import Database
from rig.memory.values import Job, Regression
from rig.model import Kernel, Recipe, Source
from rig.nightly import watchman
from rig.nightly.evening import Asked
from rig.nightly.kernels import Line
from rig.nightly.matrix import NightlyFile
from rig.nightly.news import News
from rig.progress import Silent
from tests import values
from tests.lab import SPLAT, Lab

PLAN: dict[str, Any] = {
    "deadline": "2h",
    "kernels": {"mainline": {"git": "linux", "rev": "master", "base": "v1"}},
    "profiles": {"sanitize": 1},
    "workloads": {"memslot-churn": 2, "vm-teardown": 1},
    "shapes": {"default": {"weight": 2}, "shadow": {"nested_paging": False}},
}
WARNING = "WARNING in kvm_tdp_mmu_zap_all"


@dataclass(frozen=True, kw_only=True)
class Done:
    """What a night came to."""

    news: News
    told: bool
    jobs: tuple[Job, ...]


class Branch:
    """A git branch: what its tip is, and which commits are bad."""

    def __init__(self) -> None:
        self.commit = "c1"
        self.bad: set[str] = set()
        self.searched: list[tuple[str, str, str]] = []  # good, bad, title

    async def found(self, *_: object) -> tuple[tuple[Line, ...], tuple[str, ...]]:
        source = Source(kind="git", location="/nowhere", rev=self.commit)
        base, tip = Recipe(name="v1"), Recipe(name="mainline", source=source)
        subject = f"subject {self.commit}"
        made = Line(name="mainline", base=base, tip=tip, commit=self.commit, subject=subject, base_commit="c0")
        return (made,), ()

    def script(self, side: str, _: int, workload: Any) -> dict[str, Any]:
        bad = side == "patched" and self.commit in self.bad and workload.name == "vm-teardown"
        return {"console": SPLAT} if bad else {}


@pytest.fixture
def branch(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> Branch:
    made = Branch()
    lab.script = made.script

    async def foreseen(*_: object) -> str:
        return "next"

    async def build(recipe: Recipe, *_: object) -> Kernel:
        return values.kernel(recipe.name, digest=f"{recipe.name} {made.commit if recipe.name == 'mainline' else ''}")

    monkeypatch.setattr("rig.nightly.kernels.found", made.found)
    monkeypatch.setattr("rig.nightly.evening.foreseen", foreseen)
    monkeypatch.setattr("rig.nightly.evening.accel.find", lab.accel)

    async def bisect(plan: Plan, title: str, *_: object) -> Any:
        assert plan.patched
        assert plan.base.source
        assert plan.patched.source
        made.searched.append((plan.base.source.rev, plan.patched.source.rev, title))
        raise InputError("scripted: no search")

    monkeypatch.setattr("rig.pipeline.build", build)
    monkeypatch.setattr("rig.nightly.jobs.bisecting.bisect", bisect)
    return made


@pytest.fixture
def memory(own_dirs: None, tmp_path: Path) -> Iterator[Database]:
    with database.opened(str(tmp_path / "memory.sqlite")) as made:
        yield made


async def night(memory: Database, tmp_path: Path, **given: Any) -> Done:
    asked = Asked(
        file=yamlfile.check(NightlyFile, {**PLAN, **given}, "nightly.yaml"),
        path=tmp_path / "nightly.yaml",
        overrides=Overrides(jobs=1),
        command="rig nightly",
    )
    made = await watchman.whole(asked, memory, Silent())
    assert made
    with memory.reading() as session:
        return Done(news=made.news, told=made.told, jobs=nights.jobs(session, made.news.night.id))


def known(memory: Database) -> tuple[Regression, ...]:
    with memory.reading() as session:
        return regressions.regressions(session)


class Killed(BaseException):
    """As kill -9 looks from inside: nothing is done about it."""


def die(*_: object, **__: object) -> None:
    raise Killed


async def killed(monkeypatch: pytest.MonkeyPatch, where: str, memory: Database, tmp_path: Path, **given: Any) -> None:
    """Do a night that is killed `where`, the name of a function, begins."""
    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(where, die)
        await night(memory, tmp_path, **given)
