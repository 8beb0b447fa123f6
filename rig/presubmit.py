"""The check before sending: every commit of a series by itself, then the series against its base."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from rig import pipeline, schedule, series, settling, store
from rig.budget import Budget
from rig.compare import Side
from rig.errors import PatchError
from rig.experiment import Submission
from rig.kernel import checkpatch, comments, source
from rig.kernel.build import foreseen
from rig.kernel.extrawarn import ExtraWarnings, extra_warnings
from rig.model import (
    Build,
    BuildFailure,
    Checked,
    Commit,
    Comparison,
    Complaint,
    Count,
    Coverage,
    Finding,
    FindingStatus,
    Further,
    Kernel,
    Presubmit,
    Profile,
    Recipe,
    Run,
    Step,
    Verdict,
)
from rig.plan import guests_that_fit
from rig.progress import Progress
from rig.rounds import NAMES, Bench
from rig.schedule import BOOTS, COVERAGE, EACH, STRESS, WARN, Schedule
from rig.series import Look


@dataclass(frozen=True, slots=True, kw_only=True)
class _Built:
    """A kernel, and how to come by it."""

    recipe: Recipe
    kernel: Kernel


@dataclass(frozen=True, slots=True, kw_only=True)
class _Examined:
    """A commit after it was looked at by itself; no kernel if there was none to be had."""

    checked: Checked
    kernel: Kernel | None = None
    look: Look | None = None
    findings: tuple[Finding, ...] = ()
    failure: BuildFailure | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Check:
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


async def planned(asked: Submission, runs: tuple[Run, ...], jobs: int, progress: Progress) -> Schedule:
    """Return what of the check fits into the budget, by what `runs` took; nothing is built."""
    plan = asked.plan
    tip = asked.series.commits[-1].recipe
    further = [
        (each.name, await foreseen(plan.base, each, progress), await foreseen(tip, each, progress))
        for each in asked.profiles
    ]
    base = await foreseen(plan.base, plan.profile, progress)
    commits = [(each.short, await foreseen(each.recipe, plan.profile, progress)) for each in asked.series.commits]
    wanted = schedule.Wanted(
        base=base,
        commits=tuple(commits),
        workloads=tuple(entry.name for entry in asked.workloads),
        seconds=plan.seconds,
        repeats=plan.repeats,
        each=asked.each,
        coverage=plan.coverage,
        profiles=tuple(further),
        jobs=jobs,
    )
    return schedule.plan(wanted, schedule.costs(runs, plan.profile.name, plan.seconds), plan.budget)


async def run(
    asked: Submission, draft: store.Draft, progress: Progress, command_line: str, earlier: tuple[Run, ...] = ()
) -> Run:
    """Carry out the check and return what came of it, kept in `draft`; `earlier` runs say how long things take.

    Raises BuildError if the base can't be built, RigError for faults of the host. What is wrong with the series is
    data: a patch that does not apply, a commit that does not build or boot.
    """
    budget = Budget(seconds=asked.plan.budget)
    bench = await pipeline.prepare(asked.plan, draft, progress, budget)
    jobs = asked.plan.jobs or guests_that_fit(asked.plan.shape, bench.accel)
    fits = await planned(asked, earlier, jobs, progress)
    for line in schedule.told(fits, asked.plan.budget):
        progress.note(line)
    budget.reserved = fits.reserve
    bench = replace(bench, plan=replace(asked.plan, repeats=fits.repeats, workloads=asked.workloads))
    check = _Check(asked=asked, schedule=fits, bench=bench)
    result = await _checked(check, command_line)
    draft.finish(result)
    return result


async def _checked(check: _Check, command_line: str) -> Run:
    asked, bench = check.asked, check.bench
    said = await _checkpatch(check)
    with check.step("build base"):
        base = await pipeline.build_base(asked.plan.base, bench)
    side, commits = await _each_by_itself(check, Side(kernel=base), said)
    nothing = _nothing(asked, commits)
    sides, comparison, commits = await _as_a_whole(check, side, commits, nothing)
    comparison, lines = await _covered(check, commits, nothing, comparison)
    further = await _further(check, _tip(commits), nothing)
    looks = tuple(each.look for each in commits if each.look)
    whole = series.combined(comparison, looks, _beside(asked, commits, further))
    run = await pipeline.conclude(bench, sides, whole, command_line, lines)
    made = Presubmit(
        base=asked.series.base.name,
        commits=tuple(each.checked for each in commits),
        steps=check.steps,
        reach=asked.reach.why,
        nothing=nothing,
        further=further,
    )
    return replace(run, presubmit=made)


def _beside(asked: Submission, commits: tuple[_Examined, ...], further: tuple[Further, ...]) -> tuple[Finding, ...]:
    """Return the findings that the looks at the commits don't have."""
    profile, checked = asked.plan.profile.name, tuple(each.checked for each in commits)
    return (
        *(finding for each in commits for finding in each.findings),
        *_build_failures(commits),
        *series.warnings(checked, profile),
        *series.complaints(checked, profile),
        *(finding for other in further for finding in other.comparison.findings),
    )


async def _checkpatch(check: _Check) -> tuple[tuple[Complaint, ...], ...]:
    asked = check.asked
    assert asked.plan.base.source
    with check.step("checkpatch"), check.bench.progress.task("checkpatch"):
        tree = await source.find(asked.plan.base.source, asked.plan.base.patches, check.bench.progress)
        return await checkpatch.check(asked.series.commits, tree.id)


# ---- each commit by itself


async def _each_by_itself(
    check: _Check, base: Side, said: tuple[tuple[Complaint, ...], ...]
) -> tuple[Side, tuple[_Examined, ...]]:
    """Return the base with the boots it took meanwhile, and what came of each commit."""
    done: list[_Examined] = []
    assert isinstance(base.kernel, Kernel)
    last, applies = _Built(recipe=check.asked.plan.base, kernel=base.kernel), True
    for commit, complaints in zip(check.asked.series.commits, said, strict=True):
        about = Checked(
            id=commit.id, short=commit.short, subject=commit.subject, files=commit.files, complaints=complaints
        )
        examined = _Examined(checked=about)
        if applies:
            base, examined = await _commit(check, base, last, commit, about)
        applies = applies and bool(examined.kernel or examined.failure)
        last = _Built(recipe=commit.recipe, kernel=examined.kernel) if examined.kernel else last
        done.append(examined)
        check.bench.progress.note(series.told(examined.checked))
    return base, tuple(done)


async def _commit(check: _Check, base: Side, last: _Built, commit: Commit, about: Checked) -> tuple[Side, _Examined]:
    """Build and boot one commit; `last` is the one before it that could be built."""
    old = await _warnings(check, last, commit.files)
    try:
        with check.step(f"build {commit.short}"):
            kernel = await pipeline.build_side(commit.recipe, check.bench)
    except PatchError as error:
        return base, _Examined(checked=about, findings=(_refused(check, commit, error),))
    if isinstance(kernel, BuildFailure):
        return base, _Examined(checked=replace(about, build=Build.FAILED, seconds=kernel.seconds), failure=kernel)
    built = _Built(recipe=commit.recipe, kernel=kernel)
    about = replace(about, build=Build.BUILT, seconds=kernel.seconds, same=await _same(last.kernel, kernel, commit))
    base, examined = await _boot(check, base, _Examined(checked=about, kernel=kernel))
    new = await _warnings(check, built, commit.files)
    came, went = series.difference(old.warnings, new.warnings)
    about = replace(examined.checked, warnings=came, mended=went, unbuilt=new.not_built)
    return base, replace(examined, checked=about)


async def _warnings(check: _Check, built: _Built, files: tuple[str, ...]) -> ExtraWarnings:
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


async def _boot(check: _Check, base: Side, examined: _Examined) -> tuple[Side, _Examined]:
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


def _refused(check: _Check, commit: Commit, error: PatchError) -> Finding:
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


def _build_failures(commits: tuple[_Examined, ...]) -> Iterator[Finding]:
    for number, each in enumerate(commits):
        if each.failure:
            after = (later.checked.short for later in commits[number + 1 :] if later.kernel)
            yield series.unbuilt(each.failure, each.checked.short, next(after, ""))


# ---- the series as a whole


def _nothing(asked: Submission, commits: tuple[_Examined, ...]) -> str:
    """Return why there is nothing to run, "" if there is."""
    if not any(each.kernel for each in commits):
        return "none of its commits could be built"
    if not asked.workloads:
        return "no guest runs what it touches"
    if all(each.checked.same for each in commits if each.kernel):
        return "; ".join(dict.fromkeys(each.checked.same for each in commits if each.checked.same))
    return ""


async def _as_a_whole(
    check: _Check, base: Side, commits: tuple[_Examined, ...], nothing: str
) -> tuple[tuple[Side, Side], Comparison, tuple[_Examined, ...]]:
    """Compare the last commit that could be built with the base, and with `each` those before it."""
    tip = _tip(commits)
    if nothing or not tip:
        failure = next((each.failure for each in reversed(commits) if each.failure), None)
        side = Side(kernel=tip.kernel if tip and tip.kernel else failure or base.kernel)
        return (base, side), _untried(commits, nothing), commits
    assert tip.kernel
    assert isinstance(base.kernel, Kernel)
    bench = await pipeline.equipped(check.bench, base.kernel, tip.kernel)
    with check.step(STRESS):
        sides = (base, Side(kernel=tip.kernel, trials=tip.checked.trials))
        sides, comparison = await settling.settle(bench, sides, bench.planned)
    look = Look(short=tip.checked.short, workloads=bench.planned, comparison=comparison)
    commits = tuple(replace(each, look=look) if each is tip else each for each in commits)
    if check.schedule.each:
        commits = tuple([await _stressed(check, sides[0], each) for each in commits])
    return sides, comparison, commits


def _tip(commits: tuple[_Examined, ...]) -> _Examined | None:
    return next((each for each in reversed(commits) if each.kernel), None)


def _untried(commits: tuple[_Examined, ...], nothing: str) -> Comparison:
    """Return the comparison where nothing ran: clean if nothing that runs was changed, open if it is not built here."""
    unbuilt = dict(pair for each in commits for pair in each.checked.unbuilt)
    notes = (f"nothing to boot: {nothing}", *(f"{file} is not in this kernel: {why}" for file, why in unbuilt.items()))
    return Comparison(verdict=Verdict.INCONCLUSIVE if unbuilt else Verdict.CLEAN, findings=(), metrics=(), notes=notes)


async def _stressed(check: _Check, base: Side, each: _Examined) -> _Examined:
    """Run the workloads on a commit before the tip, against the trials of base that there are."""
    if not each.kernel or not each.look or each.look.workloads:
        return each
    assert isinstance(base.kernel, Kernel)
    bench = replace(check.bench, plan=replace(check.bench.plan, repeats=1))
    bench = await pipeline.equipped(bench, base.kernel, each.kernel)
    with check.step(EACH):
        sides = (base, Side(kernel=each.kernel, trials=each.checked.trials))
        (_, side), comparison = await settling.settle(bench, sides, bench.planned, names=NAMES[1:])
    look = Look(short=each.checked.short, workloads=bench.planned, comparison=comparison)
    return replace(each, look=look, checked=replace(each.checked, trials=side.trials))


async def _covered(
    check: _Check, commits: tuple[_Examined, ...], nothing: str, comparison: Comparison
) -> tuple[Comparison, Coverage | None]:
    """Return which of the changed lines run, if there is time for that, and what it makes of the comparison."""
    tip = _tip(commits)
    if nothing or not tip or not check.schedule.coverage or not check.affords(COVERAGE):
        return comparison, None
    every = check.asked.series.commits
    until = 1 + next(number for number, each in enumerate(commits) if each is tip)
    check.bench.budget.reserved = 0.0
    with check.step(COVERAGE):
        diffs = tuple(commit.patch for commit in every[:until])
        return await pipeline.covered(check.bench, comparison, every[until - 1].recipe, diffs)


async def _further(check: _Check, tip: _Examined | None, nothing: str) -> tuple[Further, ...]:
    """Compare the series with its base under the other profiles that there is time for."""
    if nothing or not tip:
        return ()
    wanted = (profile for profile in check.asked.profiles if profile.name in check.schedule.profiles)
    return tuple([await _under(check, profile) for profile in wanted if check.affords(schedule.under(profile.name))])


async def _under(check: _Check, profile: Profile) -> Further:
    plan = replace(check.bench.plan, profile=profile, repeats=1)
    bench = replace(check.bench, plan=plan)
    with check.step(schedule.under(profile.name)):
        base = await pipeline.build_base(plan.base, bench)
        assert plan.patched
        tip = await pipeline.build_side(plan.patched, bench)
        bench = await pipeline.equipped(bench, base, tip)
        sides, comparison = await settling.settle(bench, (Side(kernel=base), Side(kernel=tip)), bench.planned)
    trials = tuple(trial for side in sides for trial in side.trials)
    return Further(profile=profile.name, comparison=comparison, trials=trials)
