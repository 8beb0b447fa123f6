"""Patch coverage as a whole: scripted guests, but gcov is real; at the end a kernel that counts, for real."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from rig import pipeline, plan, store
from rig.experiment import Overrides, Plan
from rig.kernel import recipe, trees
from rig.kernel.build import build
from rig.model import BuildFailure, End, Gcov, Kernel, Recipe, Run, Trial, Verdict, Workload
from rig.progress import Silent
from tests import values
from tests.lab import Lab

SOURCE = """\
#include <stdlib.h>
static int kvm_never(int n)
{
	return n + 1;
}
int main(int argc, char **argv)
{
	for (int n = 0; n < atoi(argv[1]); n++)
		if (argc > 2)
			return kvm_never(n);
	return 0;
}
"""
DIFF = "--- /dev/null\n+++ b/kvm/x.c\n@@ -0,0 +1,12 @@\n" + "".join(f"+{line}\n" for line in SOURCE.splitlines())
COMMENT = "--- a/kvm/x.c\n+++ b/kvm/x.c\n@@ -2,0 +3,1 @@\n+/* why */\n"


class Counting:
    """Stands in for a kernel that counts, with a program that does; remembers what was asked for."""

    def __init__(self, lab: Lab, directory: Path) -> None:
        self.lab, self.directory = lab, directory
        self.loops = {"boot": 0, "memslot-churn": 1, "vm-teardown": 3}  # so many in all, by then
        self.touched: dict[str, frozenset[str]] = {}
        self.kernel: Kernel | BuildFailure = self._kernel()

    def _kernel(self) -> Kernel:
        (self.directory / "notes/kvm").mkdir(parents=True)
        (self.directory / "kvm").mkdir()
        (self.directory / "kvm/x.c").write_text(SOURCE)
        gcc = ("gcc", "-O0", "--coverage", "-o")
        subprocess.run((*gcc, "notes/kvm/x.o", "-c", "kvm/x.c"), cwd=self.directory, check=True)
        subprocess.run((*gcc, "program", "notes/kvm/x.o"), cwd=self.directory, check=True)
        return values.kernel("patched", gcov=Gcov(notes=self.directory / "notes"))

    async def build(self, _: Recipe, __: object, touched: dict[str, frozenset[str]], ___: object) -> Any:
        self.touched = touched
        return self.kernel

    async def trial(self, kernel: Kernel, workloads: tuple[Workload, ...], **given: Any) -> Trial:
        done = await self.lab.trial(kernel, workloads, **given)
        names = ("boot", *(outcome.workload for outcome in done.outcomes))
        for number, name in enumerate(names if kernel.gcov else ()):
            if name in self.loops:
                self._count(given["directory"] / f"gcov-patched-{given['index']}/{number}-{name}", self.loops[name])
        return done

    def _count(self, to: Path, loops: int) -> None:
        counters = self.directory / "notes/kvm/x.gcda"
        counters.unlink(missing_ok=True)
        subprocess.run((self.directory / "program", str(loops)), check=True)
        (to / "kvm").mkdir(parents=True)
        shutil.move(counters, to / "kvm/x.gcda")


@pytest.fixture
def counting(lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Counting:
    made = Counting(lab, tmp_path / "counting")
    monkeypatch.setattr("rig.covering.build_counting", made.build)
    monkeypatch.setattr("rig.rounds.trial.run", made.trial)

    async def difference(*_: str) -> str:
        return DIFF

    monkeypatch.setattr("rig.pipeline.trees.difference", difference)
    return made


def planned(**given: Any) -> Plan:
    asked = {"repeats": 1, "jobs": 1, "workloads": ("memslot-churn", "vm-teardown"), "coverage": True, **given}
    return plan.make("base", "patched", overrides=Overrides(**asked))


async def run(a_plan: Plan, tmp_path: Path) -> Run:
    with store.draft(tmp_path) as draft:
        return await pipeline.run(a_plan, draft, Silent(), "rig compare base patched --coverage")


def ran(result: Run) -> dict[int, int | None]:
    assert result.coverage
    return {line.line: line.count for line in result.coverage.lines}


async def test_lines_are_counted_in_a_trial_that_no_comparison_counts(
    counting: Counting, tmp_path: Path, lab: Lab
) -> None:
    result = await run(planned(), tmp_path)
    assert len(lab.boots) == len(result.trials) + 1 == 3
    assert ran(result)[8] == 4
    assert ran(result)[4] == 0
    assert counting.touched == {"kvm/x.c": {"kvm_never", "main"}}
    assert {stage.what for stage in result.stages} >= {"build patched for coverage", "coverage of patched"}
    assert store.read(tmp_path / result.id) == result


async def test_each_line_says_under_which_workloads_it_ran(counting: Counting, tmp_path: Path) -> None:
    result = await run(planned(), tmp_path)
    assert result.coverage
    lines = {line.line: line.workloads for line in result.coverage.lines}
    assert lines[9] == ("memslot-churn", "vm-teardown")
    assert lines[4] == ()
    assert counting.loops.keys() == set(result.coverage.workloads)


async def test_without_being_asked_for_nothing_is_counted(counting: Counting, tmp_path: Path) -> None:
    result = await run(planned(coverage=None), tmp_path)
    assert result.coverage is None
    assert counting.touched == {}


async def test_too_little_is_inconclusive_with_the_reason(counting: Counting, tmp_path: Path) -> None:
    del counting.loops["vm-teardown"]
    result = await run(planned(coverage=None, require_coverage=99), tmp_path)
    assert result.comparison.verdict is Verdict.INCONCLUSIVE
    assert "changed lines ran; 99 % are asked for" in result.comparison.notes[-1]


async def test_a_guest_that_dies_is_told_with_what_it_took_along(counting: Counting, tmp_path: Path, lab: Lab) -> None:
    def script(_: str, index: int, workload: Workload) -> dict[str, Any]:
        return {"end": End.PANICKED} if (index, workload.name) == (2, "vm-teardown") else {}

    lab.script = script
    del counting.loops["vm-teardown"]
    result = await run(planned(), tmp_path)
    assert result.coverage
    (note,) = result.coverage.notes
    assert note == "the kernel that counts panicked, under vm-teardown: what only ran there may count as never run"
    assert result.coverage.workloads == ("boot", "memslot-churn")


async def test_without_any_counters_nothing_is_said_to_have_never_run(counting: Counting, tmp_path: Path) -> None:
    counting.loops = {}
    result = await run(planned(), tmp_path)
    assert result.coverage
    assert set(ran(result).values()) == {None}
    assert [file for file, _ in result.coverage.unmeasured] == ["kvm/x.c"]
    assert "no counters could be fetched" in result.coverage.notes[0]


async def test_a_patch_without_code_needs_no_trial(
    counting: Counting, tmp_path: Path, lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def difference(*_: str) -> str:
        return COMMENT

    monkeypatch.setattr("rig.pipeline.trees.difference", difference)
    result = await run(planned(), tmp_path)
    assert counting.touched
    assert len(lab.boots) == 2
    assert result.coverage
    assert (ran(result), result.coverage.workloads) == ({3: None}, ())


async def test_a_kernel_that_only_fails_to_compile_with_gcov_is_told(counting: Counting, tmp_path: Path) -> None:
    counting.kernel = BuildFailure(name="patched", profile="p", errors=("x.c:1: no",), log=Path("l"), seconds=1)
    result = await run(planned(), tmp_path)
    assert result.coverage
    assert result.coverage.notes == ("the kernel that counts does not compile: x.c:1: no",)
    assert result.comparison.verdict is Verdict.CLEAN


async def test_a_spent_budget_leaves_it_out_and_says_so(
    counting: Counting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def admits(*_: object) -> bool:
        asked.append(1)
        return len(asked) < 3

    monkeypatch.setattr("rig.budget.Budget.admits", admits)
    result = await run(planned(budget=1200), tmp_path)
    assert result.coverage is None
    assert counting.touched == {}
    assert "patch coverage was not measured: the budget of 20m was too short" in result.comparison.notes


async def test_a_budget_that_ends_while_it_is_built_is_told(
    counting: Counting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def admits(*_: object) -> bool:
        asked.append(1)
        return len(asked) < 4

    monkeypatch.setattr("rig.budget.Budget.admits", admits)
    result = await run(planned(budget=1200), tmp_path)
    assert counting.touched
    assert result.coverage
    assert result.coverage.notes == ("the budget was too short for a trial of the kernel that counts",)
    assert set(ran(result).values()) == {None}


# ---- for real


@pytest.mark.boot
async def test_a_real_kernel_counts_what_the_seed_patch_changes(tmp_path: Path) -> None:
    """One guest for each side and one that counts, three seconds of a workload in each."""
    result = await run(planned(workloads=("root-churn",), seconds=3), tmp_path)
    assert result.coverage
    base, patched = result.base, result.patched
    assert isinstance(base, Kernel)
    assert isinstance(patched, Kernel)
    assert "kvm_mmu_uninit_tdp_mmu" in await trees.difference(base.tree, patched.tree)
    counts = {line.text.strip(): line.count for line in result.coverage.lines}
    assert counts["refcount_set(&root->tdp_mmu_root_count, 2);"]
    assert counts["kvm_tdp_mmu_zap_invalidated_roots(kvm);"]
    assert counts["* zapped roots will create new callbacks."] is None
    assert result.coverage.unmeasured == ()
    assert result.coverage.workloads == ("boot", "root-churn")
    again = await build(recipe.resolve("patched"), plan.profile("sanitize"), Silent())
    assert isinstance(again, Kernel)
    assert again.digest == patched.digest
    assert again.gcov is None
