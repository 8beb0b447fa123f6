"""Bisections of scripted kernels: a series of patches over `base`, of which one is at fault."""

import random
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from rig import bisecting, plan, store
from rig.bisection import Bisection
from rig.errors import BuildError, InputError
from rig.events import Event, Planned
from rig.experiment import Overrides, Plan
from rig.model import (
    BuildFailure,
    Building,
    CompilerWarning,
    End,
    Kernel,
    Recipe,
    Run,
    Status,
    Trial,
    Verdict,
    Workload,
)
from rig.progress import Silent
from tests import values
from tests.lab import SPLAT, Lab

TITLE = "WARNING in kvm_tdp_mmu_zap_all"
STEPS = 10


class Series(Lab):
    """Kernels of a series: what each shows, which can't be built, which are alike."""

    def __init__(self, directory: Path) -> None:
        super().__init__(self._does)
        self.directory = directory
        self.shows: Callable[[int], bool] = lambda step: step >= 6
        self.broken: dict[int, str] = {}
        self.warns: set[int] = set()
        self.bits: Callable[[int], int] = lambda step: step
        self.fails: set[str] = set()  # workloads that fail where it shows
        self.tried: list[int] = []
        self.there: set[int] = set()  # need not be built
        self.took = 30.0  # seconds, each build
        self.built: list[int] = []
        self.where = "memslot-churn"
        self._steps: dict[int, int] = {}

    def stand_in(self, monkeypatch: pytest.MonkeyPatch) -> None:
        super().stand_in(monkeypatch)
        monkeypatch.setattr("rig.bisecting.foreseen", self.foreseen)

    async def foreseen(self, recipe: Recipe, *_: object) -> Building:
        return "there" if step_of(recipe.name) in self.there else "next"

    async def build(self, recipe: Recipe, *_: object) -> Kernel | BuildFailure:
        step = step_of(recipe.name)
        self.built.append(step)
        if step in self.broken:
            return BuildFailure(
                name=recipe.name, profile="sanitize", errors=(self.broken[step],), log=Path("l"), seconds=1
            )
        image = self.directory / f"bzImage-{step}"
        image.write_text(str(self.bits(step)))
        warning = CompilerWarning(file="a.c", line=1, function="f", flag="-Wx", text="odd")
        warnings = (warning,) if step in self.warns else ()
        return values.kernel(recipe.name, bzimage=image, warnings=warnings, seconds=self.took)

    async def trial(self, kernel: Kernel, workloads: tuple[Workload, ...], **given: Any) -> Trial:
        step = self._steps[given["index"]] = step_of(kernel.name)
        self.tried.append(step)
        return await super().trial(kernel, workloads, **given)

    def _does(self, _: str, index: int, asked: Workload) -> dict[str, Any]:
        step = self._steps[index]
        console = SPLAT if asked.name == self.where and self.shows(step) else ""
        status = Status.FAIL if asked.name in self.fails and self.shows(step) else Status.PASS
        return {"console": console, "status": status}


def step_of(name: str) -> int:
    return int(name.partition("+")[2].partition("/")[0] or 0)


@pytest.fixture
def lab(own_dirs: Path, monkeypatch: pytest.MonkeyPatch) -> Series:
    made = Series(own_dirs)
    made.stand_in(monkeypatch)
    return made


def planned(directory: Path, **given: Any) -> Plan:
    """A plan for `base` and ten patches; two guests at once."""
    series = directory / "series"
    series.mkdir(exist_ok=True)
    for number in range(1, STEPS + 1):
        (series / f"{number:02}.patch").write_text(f"--- a/x\n+++ b/x\n@@ -{number} +{number} @@\n-a\n+b\n")
    options = {"jobs": 2, "workloads": ("memslot-churn",), **given}
    return plan.make("base", str(series), overrides=Overrides(**options))


async def bisect(wanted: Plan, title: str = TITLE) -> tuple[Bisection, Run]:
    with store.draft() as draft:
        return await bisecting.bisect(wanted, title, draft, Silent(), "rig bisect")


def answer(found: Bisection) -> list[str]:
    return [commit.short for commit in found.answer]


# ---- the answer


async def test_the_step_at_fault_is_found(lab: Series, own_dirs: Path) -> None:
    found, _ = await bisect(planned(own_dirs))
    assert answer(found) == ["6/10"]
    assert found.suspects[0].odds >= 0.95
    assert set(lab.built) < set(range(STEPS + 1))


async def test_one_that_shows_now_and_then_is_found(lab: Series, own_dirs: Path) -> None:
    dice = random.Random(3)
    lab.shows = lambda step: step >= 8 and dice.random() < 0.4
    found, _ = await bisect(planned(own_dirs))
    assert answer(found) == ["8/10"]


async def test_no_more_guests_run_than_there_are_seats(lab: Series, own_dirs: Path) -> None:
    await bisect(planned(own_dirs, jobs=2))
    assert lab.most == 2


async def test_what_does_not_build_is_passed_by(lab: Series, own_dirs: Path) -> None:
    lab.broken = {3: "a.c:1: error: x", 4: "a.c:1: error: x"}
    found, _ = await bisect(planned(own_dirs))
    assert answer(found) == ["6/10"]


async def test_steps_that_cannot_be_told_apart_are_named_together(lab: Series, own_dirs: Path) -> None:
    lab.broken = {5: "a.c:1: error: x", 6: "a.c:1: error: x"}
    found, _ = await bisect(planned(own_dirs))
    assert answer(found) == ["5/10", "6/10", "7/10"]
    assert {each.kernel: each.skipped for each in found.tried if each.skipped} == {
        5: "does not build: a.c:1: error: x",
        6: "does not build: a.c:1: error: x",
    }


@pytest.mark.parametrize("number", range(12))
async def test_wherever_the_fault_and_whatever_else_is_broken(lab: Series, own_dirs: Path, number: int) -> None:
    dice = random.Random(number)
    fault = dice.randint(1, STEPS)
    lab.shows = lambda step: step >= fault
    lab.broken = dict.fromkeys(dice.sample(range(1, STEPS), k=number % 6), "a.c:1: error: x")
    alike = dice.randint(1, STEPS)
    lab.bits = lambda step: step - (step == alike != fault)
    found, run = await bisect(planned(own_dirs))
    assert f"{fault}/10" in answer(found)
    assert all(int(name.removesuffix("/10")) - 1 in lab.broken for name in answer(found)[1:])
    assert run.comparison.verdict is Verdict.REGRESSION


async def test_what_does_not_boot_is_passed_by(lab: Series, own_dirs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def dead(kernel: Kernel, workloads: tuple[Workload, ...], **given: Any) -> Trial:
        if step_of(kernel.name) in (5, 6):
            return values.trial(given["side"], index=given["index"], outcomes=(), end=End.NEVER_BOOTED, end_reason="no")
        return await lab.trial(kernel, workloads, **given)

    monkeypatch.setattr("rig.rounds.trial.run", dead)
    found, _ = await bisect(planned(own_dirs))
    assert answer(found) == ["5/10", "6/10", "7/10"]
    assert {each.skipped for each in found.tried if each.skipped} == {"does not boot: no"}


async def test_kernels_alike_to_the_bit_are_not_tried_twice(lab: Series, own_dirs: Path) -> None:
    lab.bits = lambda step: 0 if step < 6 else 6
    found, run = await bisect(planned(own_dirs))
    assert answer(found) == ["6/10"]
    assert set(lab.tried) == {0, 10}
    assert {step_of(side.name) for side in (run.base, run.patched) if side} == {5, 6}
    assert {each.same for each in found.tried if each.same} == {"base", "10/10"}


async def test_kernels_that_are_there_come_first(lab: Series, own_dirs: Path) -> None:
    lab.there = {3}
    await bisect(planned(own_dirs))
    assert lab.built[:3] == [0, STEPS, 3]


async def test_only_the_workloads_that_showed_it_are_run_again(lab: Series, own_dirs: Path) -> None:
    await bisect(planned(own_dirs, workloads=("memslot-churn", "vm-teardown")))
    assert {names for _, names in lab.boots[2:]} == {("memslot-churn",)}


# ---- no answer


async def test_a_bad_kernel_that_does_not_show_it_is_no_place_to_start(lab: Series, own_dirs: Path) -> None:
    lab.shows = lambda _: False
    found, _ = await bisect(planned(own_dirs, repeats=2, confirm=1))
    assert found.undecided == "10/10 did not show it in 3 trials"
    assert set(lab.built) == {0, STEPS}


async def test_a_misspelt_finding_is_answered_with_what_was_seen(lab: Series, own_dirs: Path) -> None:
    found, _ = await bisect(planned(own_dirs, repeats=1, confirm=0), "WARNING in kvm_tdp_mmu")
    assert found.undecided == f"10/10 did not show it in 1 trial, but: {TITLE}"


async def test_a_pattern_that_fits_several_findings_is_no_name(lab: Series, own_dirs: Path) -> None:
    lab.fails = {"vm-teardown"}
    found, _ = await bisect(planned(own_dirs, workloads=("memslot-churn", "vm-teardown")), "*")
    assert found.undecided == f"* fits 2 findings: {TITLE}; vm-teardown failed"
    assert len(lab.tried) == 2


async def test_seats_are_filled_until_the_finding_shows(lab: Series, own_dirs: Path) -> None:
    shows = iter([False, False, False, True])
    lab.shows = lambda step: step == STEPS and next(shows, True)
    found, _ = await bisect(planned(own_dirs, jobs=2))
    assert answer(found) == [f"{STEPS}/{STEPS}"]
    assert lab.tried[:6].count(STEPS) == 5


async def test_a_good_kernel_that_shows_it_is_said_so(lab: Series, own_dirs: Path) -> None:
    lab.shows = lambda _: True
    found, _ = await bisect(planned(own_dirs))
    assert (found.undecided, answer(found)) == ("base has it already", [])


async def test_a_spent_budget_leaves_the_odds(lab: Series, own_dirs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    began = time.monotonic()
    monkeypatch.setattr("rig.budget.time", SimpleNamespace(monotonic=lambda: began + 60 * len(lab.tried)))
    found, run = await bisect(planned(own_dirs, budget=500))
    assert found.undecided == "the budget of 8m20s is spent"
    assert 4 <= len(lab.tried) <= 10
    assert {"5/10", "6/10"} & {each.short for suspect in found.suspects[:4] for each in found.commits(suspect)}
    assert run.patched


async def test_no_build_begins_that_the_budget_has_no_time_for(
    lab: Series, own_dirs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    began = time.monotonic()
    monkeypatch.setattr("rig.budget.time", SimpleNamespace(monotonic=lambda: began + 60 * len(lab.tried)))
    lab.took = 1000.0
    found, _ = await bisect(planned(own_dirs, budget=1000))
    assert found.undecided == "the budget of 17m is spent"
    assert set(lab.built) == {0, STEPS}
    assert set(lab.tried) == {0, STEPS}


async def test_a_bad_kernel_that_does_not_build_is_no_place_to_start(lab: Series, own_dirs: Path) -> None:
    lab.broken = {STEPS: "a.c:1: error: x"}
    with pytest.raises(BuildError, match="does not compile"):
        await bisect(planned(own_dirs))


async def test_nothing_between_is_refused(lab: Series, own_dirs: Path) -> None:
    same = plan.make("base", "base", overrides=Overrides())
    with pytest.raises(InputError, match="no commit lies between"):
        await bisect(same)
    assert not lab.built


# ---- builds


async def test_a_build_that_breaks_takes_no_boot(lab: Series, own_dirs: Path) -> None:
    lab.broken = {step: f"a.c:{step}:1: error: oops" for step in range(7, STEPS + 1)}
    found, run = await bisect(planned(own_dirs), "build failure: *oops")
    assert answer(found) == ["7/10"]
    assert lab.tried == []
    assert len(lab.built) <= 6
    assert isinstance(run.patched, BuildFailure)


async def test_a_build_broken_otherwise_says_nothing_of_it(lab: Series, own_dirs: Path) -> None:
    lab.broken = {5: "b.c:1:1: error: other", 6: "b.c:1:1: error: other"}
    lab.broken |= dict.fromkeys(range(7, STEPS + 1), "a.c:1:1: error: oops")
    found, _ = await bisect(planned(own_dirs), "build failure: a.c:1:1: error: oops")
    assert answer(found) == ["5/10", "6/10", "7/10"]


async def test_a_compiler_warning_takes_no_boot(lab: Series, own_dirs: Path) -> None:
    lab.warns = set(range(4, STEPS + 1))
    found, _ = await bisect(planned(own_dirs), "compiler warning: a.c: odd [-Wx]")
    assert answer(found) == ["4/10"]
    assert lab.tried == []


# ---- what is kept


async def test_the_run_compares_kernels_without_the_step_and_with_it(lab: Series, own_dirs: Path) -> None:
    found, run = await bisect(planned(own_dirs))
    (finding,) = run.comparison.findings
    having, without = found.counted(having=True), found.counted(having=False)
    assert (finding.patched, finding.base) == (having, without)
    assert run.comparison.verdict is Verdict.REGRESSION
    assert {step_of(run.base.name), step_of(run.patched.name if run.patched else "")} == {5, 6}
    assert store.read(store.location(found.run)) == run


async def test_every_trial_has_a_console_of_its_own(lab: Series, own_dirs: Path) -> None:
    _, run = await bisect(planned(own_dirs))
    consoles = [trial.console for trial in run.trials]
    assert len(set(consoles)) == len(consoles) == len(lab.tried)
    assert all(trial.console == f"console-{trial.side}-{trial.index}.log" for trial in run.trials)
    assert all((store.location(run.id) / name).is_file() for name in consoles)
    kept = {path.stem for path in (store.location(run.id) / "trials").iterdir()}
    assert kept == {f"{trial.side}-{trial.index}" for trial in run.trials}


async def test_nobody_is_told_how_much_is_left(lab: Series, own_dirs: Path) -> None:
    told: list[Event] = []

    class Listening(Silent):
        def tell(self, event: Event) -> None:
            told.append(event)

    with store.draft() as draft:
        await bisecting.bisect(planned(own_dirs), TITLE, draft, Listening(), "rig bisect")
    assert all(each.more for each in told if isinstance(each, Planned))


class _Killed(BaseException):
    """As kill -9 looks from inside."""


@pytest.mark.parametrize("after", [1, 3, 5, 6])
async def test_a_search_that_was_killed_goes_on_with_the_trials_it_has(
    lab: Series, own_dirs: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    wanted = planned(own_dirs, jobs=1)
    with store.draft() as draft, monkeypatch.context() as patched:
        keep = store.Draft.keep

        def dying(self: store.Draft, trial: Trial) -> None:
            keep(self, trial)
            if len(self.kept()) == after:
                raise _Killed

        patched.setattr(store.Draft, "keep", dying)
        with pytest.raises(BaseExceptionGroup):
            await bisecting.bisect(wanted, TITLE, draft, Silent(), "rig bisect")
    kept = len(lab.tried)
    with store.resumed(draft.id) as draft:
        before = {trial.index for trial in draft.kept()}
        found, run = await bisecting.bisect(wanted, TITLE, draft, Silent(), "rig bisect")
    whole, _ = await bisect(wanted)
    assert answer(found) == answer(whole) == ["6/10"]
    assert before <= {trial.index for trial in run.trials}
    assert len({trial.index for trial in run.trials}) == len(run.trials)
    assert kept >= after
