"""Each commit of a series by itself: checkpatch, build, warnings, boot."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from rig import pipeline, series, settling
from rig.compare import Side
from rig.errors import PatchError
from rig.experiment import Submission
from rig.kernel import checkpatch, comments, source
from rig.kernel.extrawarn import ExtraWarnings, extra_warnings
from rig.model import (
    Build,
    BuildFailure,
    Checked,
    Commit,
    Complaint,
    Count,
    Finding,
    FindingStatus,
    Kernel,
    Recipe,
    Step,
)
from rig.rounds import NAMES, Bench
from rig.schedule import BOOTS, WARN, Schedule
from rig.series import Look


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """A kernel, and how to come by it."""

    recipe: Recipe
    kernel: Kernel


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """A commit after it was looked at by itself; no kernel if there was none to be had."""

    checked: Checked
    kernel: Kernel | None = None
    look: Look | None = None
    findings: tuple[Finding, ...] = ()
    failure: BuildFailure | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """What all parts of the check share."""

    asked: Submission
    schedule: Schedule
    bench: Bench
    took: dict[str, float] = field(default_factory=dict)  # seconds, by step
    dropped: set[str] = field(default_factory=set)  # steps that there was no time for in the end

    @contextmanager
    def step(self, what: str) -> Iterator[None]:
        """Take down how long a step took, all its parts together."""
        began = time.monotonic()
        yield
        self.took[what] = self.took.get(what, 0.0) + time.monotonic() - began

    def affords(self, what: str) -> bool:
        """Say whether a step is expected to end within the budget, and drop it if not."""
        budget = self.bench.budget
        expected = sum(step.expected for step in self.schedule.steps if step.what == what)
        fits = budget.seconds is None or budget.gone + expected <= budget.seconds
        if not fits:
            self.dropped.add(what)
        return fits

    @property
    def steps(self) -> tuple[Step, ...]:
        """Return the steps as they were planned, with what they took and without those that were dropped."""
        return tuple(
            replace(step, taken=self.took.get(step.what), included=step.included and step.what not in self.dropped)
            for step in self.schedule.steps
        )


async def said_of(check: Check) -> tuple[tuple[Complaint, ...], ...]:
    """Return what checkpatch says of each commit."""
    asked = check.asked
    assert asked.plan.base.source
    with check.step("checkpatch"), check.bench.progress.task("checkpatch"):
        tree = await source.find(asked.plan.base.source, asked.plan.base.patches, check.bench.progress)
        return await checkpatch.check(asked.series.commits, tree.id)


async def examine(
    check: Check, base: Side, said: tuple[tuple[Complaint, ...], ...]
) -> tuple[Side, tuple[Examined, ...]]:
    """Return the base with the boots it took meanwhile, and what came of each commit."""
    done: list[Examined] = []
    assert isinstance(base.kernel, Kernel)
    last, applies = Built(recipe=check.asked.plan.base, kernel=base.kernel), True
    for commit, complaints in zip(check.asked.series.commits, said, strict=True):
        about = Checked(
            id=commit.id, short=commit.short, subject=commit.subject, files=commit.files, complaints=complaints
        )
        examined = Examined(checked=about)
        if applies:
            base, examined = await _commit(check, base, last, commit, about)
        applies = applies and bool(examined.kernel or examined.failure)
        last = Built(recipe=commit.recipe, kernel=examined.kernel) if examined.kernel else last
        done.append(examined)
        check.bench.progress.note(series.told(examined.checked))
    return base, tuple(done)


async def _commit(check: Check, base: Side, last: Built, commit: Commit, about: Checked) -> tuple[Side, Examined]:
    """Build and boot one commit; `last` is the one before it that could be built."""
    old = await _warnings(check, last, commit.files)
    try:
        with check.step(f"build {commit.short}"):
            kernel = await pipeline.build_side(commit.recipe, check.bench)
    except PatchError as error:
        return base, Examined(checked=about, findings=(_refused(check, commit, error),))
    if isinstance(kernel, BuildFailure):
        return base, Examined(checked=replace(about, build=Build.FAILED, seconds=kernel.seconds), failure=kernel)
    built = Built(recipe=commit.recipe, kernel=kernel)
    about = replace(about, build=Build.BUILT, seconds=kernel.seconds, same=await _same(last.kernel, kernel, commit))
    base, examined = await _boot(check, base, Examined(checked=about, kernel=kernel))
    new = await _warnings(check, built, commit.files)
    came, went = series.difference(old.warnings, new.warnings)
    about = replace(examined.checked, warnings=came, mended=went, unbuilt=new.not_built)
    return base, replace(examined, checked=about)


async def _warnings(check: Check, built: Built, files: tuple[str, ...]) -> ExtraWarnings:
    """Return all warnings of a kernel, with those of W=1 in `files`."""
    bench = check.bench
    with check.step(WARN):
        extra = await extra_warnings(built.recipe, bench.plan.profile, files, bench.progress)
    _, beside = series.difference(built.kernel.warnings, extra.warnings)
    return replace(extra, warnings=(*extra.warnings, *beside))


async def _same(before: Kernel, after: Kernel, commit: Commit) -> str:
    if before.bzimage.read_bytes() == after.bzimage.read_bytes():
        return "the same kernel, bit by bit"
    return await comments.alike(before.tree, after.tree, commit.files)


async def _boot(check: Check, base: Side, examined: Examined) -> tuple[Side, Examined]:
    """Boot a commit, and the base once, unless it does what was booted before, or no guest runs what is touched."""
    kernel, bench = examined.kernel, check.bench
    if examined.checked.same or not bench.planned:
        return base, examined
    assert kernel
    assert isinstance(base.kernel, Kernel)
    bench = await pipeline.equipped(replace(bench, plan=replace(bench.plan, repeats=1)), base.kernel, kernel)
    names = NAMES[1:] if base.trials else NAMES
    with check.step(BOOTS):
        (base, patched), comparison = await settling.settle(bench, (base, Side(kernel=kernel)), (), names=names)
    look = Look(short=examined.checked.short, workloads=(), comparison=comparison)
    return base, replace(examined, checked=replace(examined.checked, trials=patched.trials), look=look)


def _refused(check: Check, commit: Commit, error: PatchError) -> Finding:
    return Finding(
        title=f"patch does not apply: {commit.subject}",
        type="APPLY",
        status=FindingStatus.NEW,
        workload="apply",
        profile=check.asked.plan.profile.name,
        base=Count(hits=0, trials=1),
        patched=Count(hits=1, trials=1),
        explanation=str(error),
        advice=error.hint,
        commit=commit.short,
    )


def build_failures(commits: tuple[Examined, ...]) -> Iterator[Finding]:
    """Yield the findings that commits do not compile."""
    for number, each in enumerate(commits):
        if each.failure:
            after = (later.checked.short for later in commits[number + 1 :] if later.kernel)
            yield series.unbuilt(each.failure, each.checked.short, next(after, ""))
