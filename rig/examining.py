"""Each commit of a series by itself: checkpatch, build, warnings, boot."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from rig import pipeline, series, settling
from rig.compare import BROKEN, Side, valid
from rig.errors import BuildError, PatchError, RigError
from rig.experiment import Submission
from rig.kernel import checkpatch, comments, source
from rig.kernel.extrawarn import ExtraWarnings, extra_warnings
from rig.model import (
    Build,
    BuildFailure,
    Checked,
    Commit,
    Comparison,
    Complaint,
    Count,
    Finding,
    FindingStatus,
    Kernel,
    Recipe,
    Step,
)
from rig.render import commits
from rig.rounds import Bench
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

    commit: Commit
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
    files: tuple[str, ...] = ()  # touched since `last`
    for commit, complaints in zip(check.asked.series.commits, said, strict=True):
        about = Checked(
            id=commit.id, short=commit.short, subject=commit.subject, files=commit.files, complaints=complaints
        )
        examined = Examined(commit=commit, checked=about)
        files = tuple(dict.fromkeys((*files, *commit.files)))
        if applies:
            base, examined = await _commit(check, base, last, files, examined)
        applies = examined.checked.build is not Build.LEFT_OUT
        if examined.kernel:
            last, files = Built(recipe=commit.recipe, kernel=examined.kernel), ()
        done.append(examined)
        check.bench.progress.note(commits.line(examined.checked))
    return base, tuple(done)


async def _commit(
    check: Check, base: Side, last: Built, files: tuple[str, ...], examined: Examined
) -> tuple[Side, Examined]:
    """Build and boot one commit; `last` is the one before it that could be built, `files` are touched since then."""
    commit, about = examined.commit, examined.checked
    old = await _warnings(check, last, files)
    try:
        with check.step(f"build {commit.short}"):
            kernel = await pipeline.build_side(commit.recipe, check.bench)
    except PatchError as error:
        refused = _wrong(check, commit, "APPLY", f"patch does not apply: {commit.subject}", error)
        return base, replace(examined, findings=(refused,))
    except BuildError as error:  # a configuration that this commit does not have
        broken = _wrong(check, commit, "BUILD", BROKEN + str(error).splitlines()[0], error)
        return base, replace(examined, checked=replace(about, build=Build.FAILED), findings=(broken,))
    if isinstance(kernel, BuildFailure):
        failed = replace(about, build=Build.FAILED, seconds=kernel.seconds)
        return base, replace(examined, checked=failed, failure=kernel)
    about = replace(about, build=Build.BUILT, seconds=kernel.seconds, same=await _same(last.kernel, kernel))
    base, examined = await _boot(check, base, replace(examined, checked=about, kernel=kernel))
    new = await _warnings(check, Built(recipe=commit.recipe, kernel=kernel), files)
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


async def _same(before: Kernel, after: Kernel) -> str:
    if before.bzimage.read_bytes() == after.bzimage.read_bytes():
        return "the same kernel, bit by bit"
    return await comments.alike(before.tree, after.tree)


async def _boot(check: Check, base: Side, examined: Examined) -> tuple[Side, Examined]:
    """Boot a commit, and the base once, unless it does what was booted before, or no guest runs what is touched."""
    kernel, bench = examined.kernel, check.bench
    if examined.checked.same or not bench.planned:
        return base, examined
    assert kernel
    assert isinstance(base.kernel, Kernel)
    bench = await pipeline.equipped(replace(bench, plan=replace(bench.plan, repeats=1)), base.kernel, kernel)
    with check.step(BOOTS):
        (base, patched), comparison = await settling.settle(bench, (base, Side(kernel=kernel)), ())
    if not patched.trials:  # there was no time for it
        return base, examined
    return base, looked(examined, patched, (), comparison)


def looked(examined: Examined, side: Side, workloads: tuple[str, ...], comparison: Comparison) -> Examined:
    """Return a commit with how it compares after its trials; of workloads that got nowhere nothing is known."""
    able = tuple(name for name in workloads if any(valid(trial, name) for trial in side.trials))
    look = Look(short=examined.checked.short, workloads=able, comparison=comparison)
    return replace(examined, look=look, checked=replace(examined.checked, trials=side.trials))


def _wrong(check: Check, commit: Commit, kind: str, title: str, error: RigError) -> Finding:
    """Return the finding that there is no kernel of a commit, for a reason that is the commit's."""
    return Finding(
        title=title,
        type=kind,
        status=FindingStatus.NEW,
        workload=kind.lower(),
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
