"""The order of the stages, with scripted kernels and guests."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rig import pipeline, plan, store
from rig.errors import BuildError
from rig.events import Planned, Seen, TrialDone
from rig.experiment import Overrides, Plan
from rig.model import (
    End,
    FindingStatus,
    Kernel,
    Run,
    Selftests,
    Status,
    Trial,
    Verdict,
    Workload,
)
from rig.progress import Progress, Silent
from tests.heard import Heard
from tests.lab import SPLAT, Lab, bad

PLANNED = ("memslot-churn", "vm-teardown", "root-churn", "error-paths")


def planned(patched: str | None = "patched", **given: Any) -> Plan:
    return plan.make("base", patched, overrides=Overrides(**{"repeats": 3, "jobs": 1, **given}))


async def run(a_plan: Plan, tmp_path: Path, progress: Progress | None = None) -> Run:
    with store.draft(tmp_path) as draft:
        return await pipeline.run(a_plan, draft, progress or Silent(), "rig compare base patched")


async def test_sides_take_turns_and_each_runs_all_workloads(lab: Lab, tmp_path: Path) -> None:
    result = await run(planned(), tmp_path)
    assert [side for side, _ in lab.boots] == ["base", "patched"] * 3
    assert {names for _, names in lab.boots} == {PLANNED}
    assert result.comparison.verdict is Verdict.CLEAN


async def test_a_report_is_new_and_confirmed_under_its_workload_alone(lab: Lab, tmp_path: Path) -> None:
    lab.script = bad("vm-teardown")
    result = await run(planned(), tmp_path)
    (finding,) = result.comparison.findings
    assert (finding.title, finding.status) == ("WARNING in kvm_tdp_mmu_zap_all", FindingStatus.NEW)
    assert lab.boots[6:] == [("base", ("vm-teardown",)), ("patched", ("vm-teardown",))]
    assert (finding.patched.hits, finding.patched.trials, finding.base.trials) == (4, 4, 4)


async def test_the_log_of_a_failed_build_is_named_as_the_run_has_it(lab: Lab, tmp_path: Path) -> None:
    lab.failing = {"patched"}
    (finding,) = (await run(planned(), tmp_path)).comparison.findings
    assert (finding.type, finding.console) == ("BUILD", "build-patched.log")


async def test_what_is_left_after_a_spent_detector_gets_a_fresh_boot(lab: Lab, tmp_path: Path) -> None:
    lab.script = bad("memslot-churn", detectors_lost=("lockdep",))
    await run(planned(repeats=1, confirm=0), tmp_path)
    assert lab.boots[1:] == [
        ("patched", PLANNED),
        ("patched", PLANNED[1:]),
    ]


async def test_what_is_left_after_a_panic_gets_a_fresh_boot(lab: Lab, tmp_path: Path) -> None:
    lab.script = bad("vm-teardown", end=End.PANICKED, status=Status.FAIL)
    await run(planned(repeats=1, confirm=0), tmp_path)
    assert lab.boots[2:] == [("patched", PLANNED[2:])]


async def test_confirmation_ends_at_the_plans_limit(lab: Lab, tmp_path: Path) -> None:
    lab.script = lambda side, index, _: {"console": SPLAT} if (side, index) == ("patched", 1) else {}
    result = await run(planned(confirm=2, workloads=("root-churn",)), tmp_path)
    assert len(lab.boots) == 6 + 4
    assert result.comparison.verdict is Verdict.INCONCLUSIVE


async def test_a_spent_budget_ends_confirmation_and_is_said(lab: Lab, tmp_path: Path) -> None:
    lab.script = bad("root-churn")
    result = await run(planned(budget=0, repeats=1), tmp_path)
    assert lab.boots == []
    assert result.comparison.verdict is Verdict.INCONCLUSIVE
    assert "the budget of 0s was too short for 2 more boots" in result.comparison.notes


async def test_once_one_is_sure_to_be_new_no_more_is_spent_on_others(lab: Lab, tmp_path: Path) -> None:
    always = bad("root-churn")

    def script(side: str, index: int, workload: Workload) -> dict[str, Any]:
        if (side, index, workload.name) == ("patched", 1, "memslot-churn"):
            return {"console": SPLAT.replace("zap_all", "map")}
        return always(side, index, workload)

    lab.script = script
    result = await run(planned(), tmp_path)
    found = {finding.title: finding.status for finding in result.comparison.findings}
    assert sorted(found.values()) == [FindingStatus.INCONCLUSIVE, FindingStatus.NEW]
    assert len(lab.boots) == 6 + 2


async def test_a_confidence_that_is_higher_takes_more_trials(lab: Lab, tmp_path: Path) -> None:
    lab.script = bad("root-churn")
    result = await run(planned(confidence=0.999, confirm=9), tmp_path)
    (finding,) = result.comparison.findings
    assert (finding.status, finding.patched.trials) == (FindingStatus.NEW, 7)


async def test_the_run_says_when_what_was_done(lab: Lab, tmp_path: Path) -> None:
    result = await run(planned(repeats=1), tmp_path)
    assert [stage.what for stage in result.stages] == ["build base", "build patched"]
    assert result.settings
    assert (result.settings.repeats, result.settings.confidence) == (1, 0.95)


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


async def test_what_is_to_come_is_told_before_anything_is_built_and_for_each_round(lab: Lab, tmp_path: Path) -> None:
    lab.script = bad("vm-teardown")
    heard = Heard()
    await run(planned(repeats=2, confirm=1), tmp_path, heard)
    first, again, confirming = (each for each in heard.of(Planned) if each.trials)
    assert first == again == heard.events[0]
    assert [each.side for each in first.trials] == ["base", "patched"] * 2
    assert {(each.kernel, each.workloads) for each in first.trials} == {("base", PLANNED), ("patched", PLANNED)}
    assert [(each.side, each.workloads) for each in confirming.trials] == [
        ("base", ("vm-teardown",)),
        ("patched", ("vm-teardown",)),
    ]


async def test_each_trial_is_told_once_its_console_was_read(lab: Lab, tmp_path: Path) -> None:
    lab.script = bad("vm-teardown")
    heard = Heard()
    result = await run(planned(repeats=1, confirm=0), tmp_path, heard)
    told = heard.of(TrialDone)
    assert {each.trial for each in told} == set(result.trials)
    assert all((each.boot.side, each.boot.index) == (each.trial.side, each.trial.index) for each in told)


async def test_what_a_console_says_is_told_before_the_trial_is_over(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rig.reading.LOOK", 0.01)
    heard = Heard()

    async def lingering(*workloads: Any, **given: Any) -> Trial:
        done = await lab.trial(*workloads, **given)
        while given["side"] == "patched" and not heard.of(Seen):
            await asyncio.sleep(0.01)
        return done

    monkeypatch.setattr("rig.rounds.trial.run", lingering)
    lab.script = bad("vm-teardown")
    async with asyncio.timeout(20):
        await run(planned(repeats=1, confirm=0), tmp_path, heard)
    (seen,) = heard.of(Seen)
    assert (seen.boot.side, seen.workload, seen.title) == ("patched", "vm-teardown", "WARNING in kvm_tdp_mmu_zap_all")


async def test_what_the_budget_leaves_out_is_no_longer_to_come(lab: Lab, tmp_path: Path) -> None:
    heard = Heard()
    await run(planned(repeats=1, confirm=0, budget=1200), tmp_path, heard)
    assert [(len(each.trials), each.budget) for each in heard.of(Planned)] == [(2, 1200), (2, 1200), (0, 1200)]


async def test_an_interrupted_run_goes_on_without_the_trials_it_has(lab: Lab, tmp_path: Path) -> None:
    whole = await run(planned(), tmp_path)
    lab.boots.clear()
    done = tuple(trial for trial in whole.trials if trial.side == "base" or trial.index == 1)
    with store.draft(tmp_path / "again") as draft:
        again = await pipeline.run(planned(), draft, Silent(), "rig compare", before=done)
    assert [side for side, _ in lab.boots] == ["patched"] * (len(whole.trials) - len(done))
    assert {(trial.side, trial.index) for trial in again.trials} == {(each.side, each.index) for each in whole.trials}


async def test_workloads_that_a_killed_boot_did_not_get_to_are_made_up_for(lab: Lab, tmp_path: Path) -> None:
    whole = await run(planned(repeats=1), tmp_path)
    lab.boots.clear()
    first = replace(whole.trials[-1], outcomes=whole.trials[-1].outcomes[:1])
    with store.draft(tmp_path / "again") as draft:
        before = (*whole.trials[:-1], first)
        await pipeline.run(planned(repeats=1), draft, Silent(), "rig compare", before=before)
    assert lab.boots == [("patched", PLANNED[1:])]


async def test_base_is_not_run_where_another_run_lends_its_trials(lab: Lab, tmp_path: Path) -> None:
    other = await run(planned(), tmp_path)
    lab.boots.clear()
    lent = tuple(replace(trial, run=other.id) for trial in other.trials if trial.side == "base")
    with store.draft(tmp_path / "again") as draft:
        result = await pipeline.run(planned(), draft, Silent(), "rig compare", lend=lambda *_: lent)
        assert [trial.run for trial in draft.kept() if trial.side == "base"] == [other.id] * len(lent)
    assert {side for side, _ in lab.boots} == {"patched"}
    assert result.comparison.verdict is Verdict.CLEAN
