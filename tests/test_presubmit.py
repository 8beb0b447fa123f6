"""The check before sending, with scripted kernels and guests."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rig import plan, presubmit, reach, store
from rig.errors import BuildError, PatchError
from rig.experiment import Overrides, Submission
from rig.kernel.extrawarn import ExtraWarnings
from rig.model import (
    Build,
    BuildFailure,
    Commit,
    CompilerWarning,
    Complaint,
    FindingStatus,
    Kernel,
    Profile,
    Recipe,
    Run,
    Series,
    Source,
    Verdict,
    Workload,
)
from rig.progress import Silent
from tests.lab import SPLAT, Lab

BASE = Recipe(name="v1", source=Source(kind="git", location="/nowhere", rev="v1"))
WORKLOADS = ("memslot-churn", "vm-teardown")


class Tree:
    """A kernel tree and its series: what each commit is, by its name."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.same: dict[str, str] = {}  # commits that change no code, and why
        self.refused: set[str] = set()
        self.misconfigured: set[tuple[str, str]] = set()  # kernels and profiles
        self.warnings: dict[str, tuple[CompilerWarning, ...]] = {}
        self.unbuilt: tuple[tuple[str, str], ...] = ()
        self.complaints: dict[str, tuple[Complaint, ...]] = {}

    async def find(self, *_: object) -> Any:
        return type("Tree", (), {"id": "tree"})

    async def check(self, commits: tuple[Commit, ...], _: str) -> tuple[tuple[Complaint, ...], ...]:
        return tuple(self.complaints.get(each.short, ()) for each in commits)

    async def alike(self, _: str, after: str) -> str:
        return self.same.get(after, "")

    async def extra(self, recipe: Recipe, *_: object) -> ExtraWarnings:
        return ExtraWarnings(warnings=self.warnings.get(recipe.name, ()), not_built=self.unbuilt)

    async def foreseen(self, *_: object) -> str:
        return "next"

    def built(self, lab: Lab) -> Callable[..., Any]:
        async def build(recipe: Recipe, profile: Profile, *_: object) -> Kernel | BuildFailure:
            if recipe.name in self.refused:
                raise PatchError(f"{recipe.name} does not apply", hint="rebase it")
            if (recipe.name, profile.name) in self.misconfigured:
                raise BuildError("CONFIG_KASAN was dropped")
            made = await lab.build(recipe)
            if isinstance(made, BuildFailure):
                return made
            path = self.directory / f"{recipe.name}.bzImage"
            path.write_text(self.same.get(recipe.name, recipe.name))
            return replace(made, bzimage=path, tree=recipe.name)

        return build


@pytest.fixture(autouse=True)
def tree(lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tree:
    made = Tree(tmp_path)
    monkeypatch.setattr("rig.pipeline.build", made.built(lab))
    monkeypatch.setattr("rig.examining.source.find", made.find)
    monkeypatch.setattr("rig.examining.checkpatch.check", made.check)
    monkeypatch.setattr("rig.examining.comments.alike", made.alike)
    monkeypatch.setattr("rig.examining.extra_warnings", made.extra)
    monkeypatch.setattr("rig.presubmit.foreseen", made.foreseen)
    return made


def commit(name: str) -> Commit:
    return Commit(
        id=name * 8,
        short=name,
        subject=f"subject {name}",
        message=f"subject {name}",
        author="A <a@example.org>",
        date="",
        recipe=replace(BASE, name=name),
        patch="",
        files=("arch/x86/kvm/mmu/mmu.c",),
    )


def asked(*names: str, **given: Any) -> Submission:
    commits = tuple(map(commit, names))
    overrides = Overrides(
        **{"repeats": 2, "jobs": 1, "coverage": False, "workloads": WORKLOADS, **given.pop("overrides", {})}
    )
    planned = plan.of(BASE, commits[-1].recipe, file="presubmit", overrides=overrides)
    defaults = {"profiles": (), "each": False, "chosen": True}
    called = reach.Reach(workloads=WORKLOADS, profiles=(), why=())
    series = Series(base=BASE, commits=commits)
    return Submission(**{"series": series, "plan": planned, "reach": called, **defaults, **given})


async def run(submission: Submission, tmp_path: Path) -> Run:
    with store.draft(tmp_path / "runs") as draft:
        return await presubmit.run(submission, draft, Silent(), "rig presubmit")


def warns(given: tuple[str, int, Workload], bad: bool) -> dict[str, Any]:
    """Return what a guest does whose kernel warns under vm-teardown if it is `bad`."""
    return {"console": SPLAT} if bad and given[2].name == "vm-teardown" else {}


async def test_each_commit_boots_and_the_tip_is_stressed_against_the_base(lab: Lab, tmp_path: Path) -> None:
    result = await run(asked("one", "two"), tmp_path)
    boots = [(side, names) for side, names in lab.boots]
    assert boots[:3] == [("base", ()), ("patched", ()), ("patched", ())]
    assert boots[3:] == [("base", WORKLOADS), ("patched", WORKLOADS)] * 2
    assert result.comparison.verdict is Verdict.CLEAN
    assert result.presubmit
    assert [(each.short, each.build) for each in result.presubmit.commits] == [
        ("one", Build.BUILT),
        ("two", Build.BUILT),
    ]


async def test_a_commit_that_does_not_build_is_told_with_who_mends_it(lab: Lab, tmp_path: Path) -> None:
    lab.failing = {"two"}
    result = await run(asked("one", "two", "three"), tmp_path)
    (finding,) = result.comparison.findings
    assert (finding.type, finding.commit, finding.mended) == ("BUILD", "two", "three")
    assert result.comparison.verdict is Verdict.REGRESSION
    assert lab.boots[-1] == ("patched", WORKLOADS)  # the rest is checked all the same


async def test_a_tip_that_does_not_build_leaves_the_last_commit_that_does(lab: Lab, tmp_path: Path) -> None:
    lab.failing = {"two"}
    result = await run(asked("one", "two"), tmp_path)
    assert isinstance(result.patched, Kernel)
    assert result.patched.name == "one"
    assert [(each.type, each.commit, each.mended) for each in result.comparison.findings] == [("BUILD", "two", "")]


async def test_a_series_of_which_nothing_builds_boots_nothing(lab: Lab, tmp_path: Path) -> None:
    lab.failing = {"one"}
    result = await run(asked("one"), tmp_path)
    assert isinstance(result.patched, BuildFailure)
    assert (lab.boots, result.comparison.verdict) == ([], Verdict.REGRESSION)


async def test_what_does_not_apply_ends_the_series_there(tree: Tree, lab: Lab, tmp_path: Path) -> None:
    tree.refused = {"two"}
    result = await run(asked("one", "two", "three"), tmp_path)
    (finding,) = result.comparison.findings
    assert (finding.title, finding.commit) == ("patch does not apply: subject two", "two")
    assert result.presubmit
    assert [each.build for each in result.presubmit.commits] == [Build.BUILT, Build.LEFT_OUT, Build.LEFT_OUT]
    assert lab.boots[-1] == ("patched", WORKLOADS)


async def test_a_commit_whose_configuration_cannot_be_had_is_a_finding_and_the_rest_is_checked(
    tree: Tree, lab: Lab, tmp_path: Path
) -> None:
    tree.misconfigured = {("two", "sanitize")}
    result = await run(asked("one", "two", "three"), tmp_path)
    (finding,) = result.comparison.findings
    assert (finding.title, finding.commit) == ("build failure: CONFIG_KASAN was dropped", "two")
    assert result.presubmit
    assert [each.build for each in result.presubmit.commits] == [Build.BUILT, Build.FAILED, Build.BUILT]
    assert lab.boots[-1] == ("patched", WORKLOADS)


async def test_no_commit_alone_is_blamed_for_what_one_before_it_hid(lab: Lab, tmp_path: Path) -> None:
    lab.failing = {"two"}
    lab.script = lambda *given: warns(given, "three" in lab.kernels[-1:])
    result = await run(asked("one", "two", "three", each=True), tmp_path)
    (found,) = (each for each in result.comparison.findings if each.type != "BUILD")
    assert found.commit == ""
    assert "since two or three" in found.explanation


async def test_comments_alone_boot_nothing_and_say_so(tree: Tree, lab: Lab, tmp_path: Path) -> None:
    tree.same = {"one": "only comments changed"}
    result = await run(asked("one"), tmp_path)
    assert (lab.boots, result.comparison.verdict) == ([], Verdict.CLEAN)
    assert result.comparison.notes == ("nothing to boot: only comments changed",)
    assert result.presubmit
    assert result.presubmit.nothing == "only comments changed"


async def test_a_commit_that_changes_no_code_is_not_booted_by_itself(tree: Tree, lab: Lab, tmp_path: Path) -> None:
    tree.same = {"one": "only comments changed"}
    await run(asked("one", "two"), tmp_path)
    assert [names for _, names in lab.boots[:2]] == [(), ()]
    assert [side for side, _ in lab.boots].count("patched") == 1 + 2


async def test_files_that_no_kernel_here_has_leave_it_open(tree: Tree, lab: Lab, tmp_path: Path) -> None:
    tree.same, tree.unbuilt = (
        {"one": "the same kernel, bit by bit"},
        (("arch/arm64/kvm/mmu.c", "not in the configuration"),),
    )
    result = await run(asked("one"), tmp_path)
    assert (lab.boots, result.comparison.verdict) == ([], Verdict.INCONCLUSIVE)
    assert "arch/arm64/kvm/mmu.c is not in this kernel: not in the configuration" in result.comparison.notes


async def test_a_new_warning_is_its_commits(tree: Tree, tmp_path: Path) -> None:
    unused = CompilerWarning(file="a.c", line=3, function="f", flag="-Wunused", text="unused variable")
    tree.warnings = {"two": (unused,), "three": (unused,)}
    result = await run(asked("one", "two", "three"), tmp_path)
    (finding,) = result.comparison.findings
    assert (finding.title, finding.commit) == ("compiler warning: a.c: unused variable [-Wunused]", "two")
    assert result.presubmit
    assert [len(each.warnings) for each in result.presubmit.commits] == [0, 1, 0]


async def test_errors_of_checkpatch_make_it_a_regression(tree: Tree, tmp_path: Path) -> None:
    tree.complaints = {"one": (Complaint(level="ERROR", kind="CODE_INDENT", text="use tabs", file="a.c", line=2),)}
    result = await run(asked("one"), tmp_path)
    assert [each.type for each in result.comparison.findings] == ["CHECKPATCH"]
    assert result.comparison.verdict is Verdict.REGRESSION


async def test_a_report_under_stress_is_new_and_confirmed(lab: Lab, tmp_path: Path) -> None:
    lab.script = lambda *given: warns(given, given[0] == "patched")
    result = await run(asked("one"), tmp_path)
    (finding,) = result.comparison.findings
    assert (finding.status, finding.commit) == (FindingStatus.NEW, "one")


async def test_each_says_which_commit_brings_it(lab: Lab, tmp_path: Path) -> None:
    lab.script = lambda *given: warns(given, "two" in lab.kernels[-1:])
    result = await run(asked("one", "two", each=True), tmp_path)
    (finding,) = result.comparison.findings
    assert (finding.status, finding.commit) == (FindingStatus.NEW, "two")
    assert result.presubmit
    assert [each.workload for each in result.presubmit.commits[0].trials[-1].outcomes] == list(WORKLOADS)


async def test_what_the_tip_is_sure_of_is_looked_for_once_in_the_commits_before(lab: Lab, tmp_path: Path) -> None:
    lab.script = lambda *given: warns(given, given[0] == "patched")
    result = await run(asked("one", "two", each=True), tmp_path)
    (finding,) = result.comparison.findings
    assert finding.commit == "one"
    assert lab.kernels[-2:] != ["one", "one"]
    assert lab.kernels.count("one") == 2


async def test_a_short_budget_is_planned_for_and_said(lab: Lab, tmp_path: Path) -> None:
    result = await run(asked("one", overrides={"budget": 200}), tmp_path)
    assert [names for _, names in lab.boots].count(WORKLOADS) == 2
    assert result.presubmit
    assert [step.what for step in result.presubmit.steps if not step.included] == ["1 trial more of both"]


async def test_steps_say_what_they_took(tmp_path: Path) -> None:
    result = await run(asked("one"), tmp_path)
    assert result.presubmit
    taken = {step.what: step.taken for step in result.presubmit.steps}
    assert taken["stress base and tip"] is not None
    assert taken["checkpatch"] is not None


async def test_other_profiles_that_the_files_call_for_are_tried_if_there_is_time(lab: Lab, tmp_path: Path) -> None:
    result = await run(asked("one", profiles=(plan.profile("ubsan"),)), tmp_path)
    assert len(lab.boots) == 2 + 4 + 2
    assert result.presubmit
    assert [each.profile for each in result.presubmit.further] == ["ubsan"]
    short = await run(asked("one", profiles=(plan.profile("ubsan"),), overrides={"budget": 200}), tmp_path)
    assert short.presubmit
    assert short.presubmit.further == ()


async def test_what_there_is_no_time_for_in_the_end_is_dropped_and_said(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    boots = lab.boots
    monkeypatch.setattr("rig.budget.Budget.gone", property(lambda _: 1000.0 if len(boots) >= 6 else 0.0))
    result = await run(asked("one", profiles=(plan.profile("ubsan"),), overrides={"budget": 900}), tmp_path)
    assert result.presubmit
    assert result.presubmit.further == ()
    assert [step.what for step in result.presubmit.steps if not step.included] == ["profile ubsan"]


async def test_another_profile_is_tried_on_the_last_commit_that_builds(tree: Tree, lab: Lab, tmp_path: Path) -> None:
    tree.refused = {"two"}
    result = await run(asked("one", "two", profiles=(plan.profile("ubsan"),)), tmp_path)
    assert result.presubmit
    assert [each.profile for each in result.presubmit.further] == ["ubsan"]
    assert lab.kernels[-1] == "one"


async def test_another_profile_that_cannot_be_built_leaves_the_rest(tree: Tree, tmp_path: Path) -> None:
    tree.misconfigured = {("one", "ubsan")}
    result = await run(asked("one", profiles=(plan.profile("ubsan"),)), tmp_path)
    assert result.presubmit
    assert (result.presubmit.further, result.comparison.verdict) == ((), Verdict.CLEAN)
    assert [step.what for step in result.presubmit.steps if step.taken is None and not step.included] == [
        "profile ubsan"
    ]


async def test_coverage_that_is_required_and_has_no_time_leaves_it_open(tmp_path: Path) -> None:
    wanted = {"coverage": True, "require_coverage": 80.0, "budget": 200}
    result = await run(asked("one", overrides=wanted), tmp_path)
    assert result.comparison.verdict is Verdict.INCONCLUSIVE
    assert any("coverage" in note for note in result.comparison.notes)


async def test_a_check_is_read_back_equal(tmp_path: Path) -> None:
    result = await run(asked("one"), tmp_path)
    assert store.read(tmp_path / "runs" / result.id) == result
