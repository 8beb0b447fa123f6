"""What is run to see whether the rig sees, with scripted kernels and guests."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rig import paths, selfcheck
from rig.errors import HostError
from rig.events import Planned, TrialDone
from rig.experiment import Overrides
from rig.kernel import known_bad
from rig.model import Check, KnownBad, Workload, kind
from rig.progress import Silent
from tests.heard import Heard
from tests.lab import SPLAT, Lab

TITLE = "WARNING in kvm_tdp_mmu_zap_all"
EVERY = known_bad.every()
ASKED = Overrides(repeats=2)


def one(name: str = "m01-assert-at-teardown", **given: Any) -> KnownBad:
    """A known-bad kernel that is there, with other expectations."""
    there = next(known for known in EVERY if known.name == name)
    return replace(there, **{"expected": (TITLE,), "workloads": ("root-churn",), "profile": "sanitize", **given})


def warns(side: str, _: int, workload: Workload) -> dict[str, Any]:
    return {"console": SPLAT} if (side, workload.name) == ("patched", "root-churn") else {}


async def check(*kernels: KnownBad) -> tuple[Check, ...]:
    done: list[Check] = []
    await selfcheck.check(kernels, ASKED, Silent(), done)
    return tuple(done)


async def test_the_good_kernel_runs_once_for_all_and_each_bad_one_its_own_workload(lab: Lab, own_dirs: Path) -> None:
    lab.script = warns
    await check(one(), one("m02-lock-inversion-pages-lock", workloads=("vm-teardown", "root-churn")))
    assert sorted(lab.boots) == [
        *[("base", ("root-churn", "vm-teardown"))] * 2,
        *[("patched", ("root-churn",))] * 2,
        *[("patched", ("vm-teardown",))] * 2,
    ]


async def test_what_is_expected_is_caught_and_not_kept(lab: Lab, own_dirs: Path) -> None:
    lab.script = warns
    (done,) = await check(one())
    assert (done.finding and done.finding.title, done.hits, done.trials, done.run) == (TITLE, 2, 2, "")
    assert done.after == pytest.approx(11.0, abs=0.001)  # the marker stands at 1 s, the report at 12
    assert not paths.runs().exists()


async def test_something_else_is_a_miss_whose_run_is_kept(lab: Lab, own_dirs: Path) -> None:
    lab.script = warns
    (done,) = await check(one(expected=("KASAN: use-after-free Read in foo",)))
    assert (done.finding, done.others, done.missed) == (None, (TITLE,), True)
    assert (paths.runs() / done.run / "run.json").is_file()


async def test_one_that_nobody_is_sure_of_may_be_missed(lab: Lab, own_dirs: Path) -> None:
    (done,) = await check(one(sure="no"))
    assert (done.finding, done.missed) == (None, False)


async def test_one_that_does_not_compile_is_caught_by_that(lab: Lab, own_dirs: Path) -> None:
    lab.failing = {"b01-does-not-compile"}
    (done,) = await check(one("b01-does-not-compile", expected=("build failure: ...",), workloads=()))
    assert done.finding
    assert done.finding.title == "build failure: a.c:1:1: error: x"


async def test_what_the_good_kernel_shows_too_is_not_caught(lab: Lab, own_dirs: Path) -> None:
    lab.script = lambda *_: {"console": SPLAT}
    (done,) = await check(one())
    assert (done.finding, done.others, done.missed) == (None, (), True)


async def test_what_is_finished_is_not_lost_when_the_rest_fails(
    lab: Lab, own_dirs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def script(side: str, number: int, workload: Workload) -> dict[str, Any]:
        if side == "patched" and lab.boots.count(("patched", ("root-churn",))) > 2:
            raise HostError("no space left")
        return warns(side, number, workload)

    lab.script = script
    done: list[Check] = []
    kernels = (one(), one("m02-lock-inversion-pages-lock"))
    with pytest.raises(ExceptionGroup):
        await selfcheck.check(kernels, replace(ASKED, jobs=1), Silent(), done)
    assert [each.known.name for each in done] == ["m01-assert-at-teardown"]


def test_quick_takes_one_of_each_kind_that_is_sure() -> None:
    chosen = selfcheck.quick(EVERY)
    kinds = [kind(known.expected[0]) for known in chosen]
    assert len(set(kinds)) == len(kinds)
    assert {known.sure for known in chosen} == {"yes"}
    assert {known.profile for known in chosen} == {"sanitize"}
    assert len(chosen) < len(EVERY)


async def test_all_that_is_to_come_is_told_at_once_and_shrinks(lab: Lab, own_dirs: Path) -> None:
    heard = Heard()
    await selfcheck.check((one(), one("m02-lock-inversion-pages-lock")), Overrides(repeats=2, jobs=1), heard, [])
    coming = [[each.kernel for each in plan.trials] for plan in heard.of(Planned)]
    assert coming[-2:] == [["m02-lock-inversion-pages-lock"] * 2, []]
    assert [each.boot.kernel for each in heard.of(TrialDone)][2:] == [
        *["m01-assert-at-teardown"] * 2,
        *["m02-lock-inversion-pages-lock"] * 2,
    ]
    assert not [note for note in heard.notes if note.startswith("acceleration")][1:]
