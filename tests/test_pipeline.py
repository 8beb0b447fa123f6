"""The order of the stages, with scripted kernels and guests."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rig import pipeline, plan, store
from rig.errors import BuildError
from rig.experiment import Overrides, Plan
from rig.model import (
    Accel,
    BuildFailure,
    End,
    FindingStatus,
    Image,
    Kernel,
    Recipe,
    Run,
    Selftests,
    Status,
    Trial,
    Verdict,
    Workload,
)
from rig.progress import Silent
from tests import values

SPLAT = """\
[   12.000000][  T100] ------------[ cut here ]------------
[   12.000001][  T100] WARNING: CPU: 0 PID: 100 at arch/x86/kvm/mmu/tdp_mmu.c:1005 kvm_tdp_mmu_zap_all+0x1c3/0x270
[   12.000002][  T100] CPU: 0 PID: 100 Comm: memslot-churn Not tainted 6.1.192 #1
[   12.000003][  T100] RIP: 0010:kvm_tdp_mmu_zap_all+0x1c3/0x270
[   12.000004][  T100] Call Trace:
[   12.000005][  T100]  <TASK>
[   12.000006][  T100]  kvm_mmu_zap_all+0x75/0x240
[   12.000007][  T100]  kvm_destroy_vm+0x10/0x20
[   12.000008][  T100]  </TASK>
[   12.000009][  T100] ---[ end trace 0000000000000000 ]---
"""
Script = Callable[[str, int, Workload], dict[str, Any]]


class Lab:
    """Stands in for everything that takes time; remembers what it was asked for."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.boots: list[tuple[str, tuple[str, ...]]] = []
        self.running = self.most = 0
        self.failing: set[str] = set()

    async def accel(self, _: str) -> Accel:
        return Accel(name="tcg", reason="scripted", time_scale=1)

    async def image(self, _: object) -> Image:
        return Image(path=Path("initrd"), digest="d")

    async def build(self, recipe: Recipe, *_: object) -> Kernel | BuildFailure:
        if recipe.name in self.failing:
            return BuildFailure(
                name=recipe.name, profile="sanitize", errors=("a.c:1:1: error: x",), log=Path("l"), seconds=1
            )
        return values.kernel(recipe.name)

    async def trial(self, kernel: Kernel, workloads: tuple[Workload, ...], **given: Any) -> Trial:
        side, index, directory = given["side"], given["index"], given["directory"]
        self.boots.append((side, tuple(each.name for each in workloads)))
        self.running += 1
        self.most = max(self.most, self.running)
        await asyncio.sleep(0)
        self.running -= 1
        trial = values.trial(side, index=index, outcomes=(), kernel=kernel.name)
        for workload in workloads:
            does = self.script(side, index, workload)
            with (directory / trial.console).open("a") as console:
                console.write(f"[    1.0][    T9] rig: begin {workload.name}\n{does.pop('console', '')}")
            end = does.pop("end", End.FINISHED)
            outcome = values.outcome(workload.name, **does)
            trial = replace(trial, end=end, outcomes=(*trial.outcomes, outcome))
            if end is not End.FINISHED or outcome.detectors_lost:
                break
        return trial


@pytest.fixture
def lab(monkeypatch: pytest.MonkeyPatch) -> Lab:
    made = Lab(lambda *_: {})
    monkeypatch.setattr("rig.pipeline.accel.find", made.accel)
    monkeypatch.setattr("rig.pipeline.image.build", made.image)
    monkeypatch.setattr("rig.pipeline.build", made.build)
    monkeypatch.setattr("rig.pipeline.trial.run", made.trial)
    return made


def planned(patched: str | None = "patched", **given: Any) -> Plan:
    return plan.make("base", patched, overrides=Overrides(**{"repeats": 3, "jobs": 1, **given}))


async def run(a_plan: Plan, tmp_path: Path) -> Run:
    with store.draft(tmp_path) as draft:
        return await pipeline.run(a_plan, draft, Silent(), "rig compare base patched")


def bad(workload: str, **does: Any) -> Script:
    """A patched kernel that warns under `workload`."""

    def script(side: str, _: int, asked: Workload) -> dict[str, Any]:
        return {"console": SPLAT, **does} if side == "patched" and asked.name == workload else {}

    return script


async def test_sides_take_turns_and_each_runs_all_workloads(lab: Lab, tmp_path: Path) -> None:
    result = await run(planned(), tmp_path)
    assert [side for side, _ in lab.boots] == ["base", "patched"] * 3
    assert {names for _, names in lab.boots} == {("memslot-churn", "vm-teardown", "root-churn")}
    assert result.comparison.verdict is Verdict.CLEAN


async def test_a_report_is_new_and_confirmed_under_its_workload_alone(lab: Lab, tmp_path: Path) -> None:
    lab.script = bad("vm-teardown")
    result = await run(planned(), tmp_path)
    (finding,) = result.comparison.findings
    assert (finding.title, finding.status) == ("WARNING in kvm_tdp_mmu_zap_all", FindingStatus.NEW)
    assert lab.boots[6:] == [("base", ("vm-teardown",)), ("patched", ("vm-teardown",))]
    assert (finding.patched.hits, finding.patched.trials, finding.base.trials) == (4, 4, 4)


async def test_what_is_left_after_a_spent_detector_gets_a_fresh_boot(lab: Lab, tmp_path: Path) -> None:
    lab.script = bad("memslot-churn", detectors_lost=("lockdep",))
    await run(planned(repeats=1, confirm=0), tmp_path)
    assert lab.boots[1:] == [
        ("patched", ("memslot-churn", "vm-teardown", "root-churn")),
        ("patched", ("vm-teardown", "root-churn")),
    ]


async def test_what_is_left_after_a_panic_gets_a_fresh_boot(lab: Lab, tmp_path: Path) -> None:
    lab.script = bad("vm-teardown", end=End.PANICKED, status=Status.FAIL)
    await run(planned(repeats=1, confirm=0), tmp_path)
    assert lab.boots[2:] == [("patched", ("root-churn",))]


async def test_confirmation_ends_at_the_plans_limit(lab: Lab, tmp_path: Path) -> None:
    lab.script = lambda side, index, _: {"console": SPLAT} if (side, index) == ("patched", 1) else {}
    result = await run(planned(confirm=2, workloads=("root-churn",)), tmp_path)
    assert len(lab.boots) == 6 + 4
    assert result.comparison.verdict is Verdict.INCONCLUSIVE


async def test_no_more_guests_at_once_than_jobs(lab: Lab, tmp_path: Path) -> None:
    await run(planned(jobs=2), tmp_path)
    assert lab.most == 2


async def test_patched_not_compiling_is_a_finding_without_a_boot(lab: Lab, tmp_path: Path) -> None:
    lab.failing = {"patched"}
    result = await run(planned(), tmp_path)
    assert (result.comparison.verdict, lab.boots) == (Verdict.REGRESSION, [])


async def test_base_not_compiling_is_an_error_with_the_compilers_words(lab: Lab, tmp_path: Path) -> None:
    lab.failing = {"base"}
    with pytest.raises(BuildError, match=r"a\.c:1:1: error: x"):
        await run(planned(), tmp_path)


async def test_a_kernel_alone_is_only_listed(lab: Lab, tmp_path: Path) -> None:
    lab.script = lambda *_: {"console": SPLAT}
    result = await run(planned(None, repeats=1), tmp_path)
    assert {finding.status for finding in result.comparison.findings} == {FindingStatus.SEEN}
    assert len(lab.boots) == 1


async def test_the_run_is_kept_with_its_trials(lab: Lab, tmp_path: Path) -> None:
    result = await run(planned(), tmp_path)
    assert store.read(store.location(result.id, tmp_path)) == result
    assert len(list((tmp_path / result.id / "trials").iterdir())) == 6


async def test_each_side_is_tested_by_its_own_tree(lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def built(kernel: Kernel, _: object) -> Selftests:
        return Selftests(directory=Path("/of") / kernel.name, names=("state_test",))

    brought: dict[str, tuple[tuple[str, Path], ...]] = {}

    def script(side: str, _: int, asked: Workload) -> dict[str, Any]:
        brought[side] = asked.files
        return {}

    monkeypatch.setattr("rig.pipeline.selftests.build", built)
    lab.script = script
    await run(planned(workloads=("kselftest-kvm",)), tmp_path)
    assert brought == {
        side: (("/selftests/state_test", Path("/of") / side / "state_test"),) for side in ("base", "patched")
    }


async def test_selftests_are_built_only_when_they_are_asked_for(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rig.pipeline.selftests.build", None)
    assert (await run(planned(repeats=1), tmp_path)).comparison.verdict is Verdict.CLEAN
    assert lab.boots
