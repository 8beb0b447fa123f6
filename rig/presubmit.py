"""The check before sending: every commit of a series by itself, then the series against its base."""

from collections.abc import Iterator
from dataclasses import replace

from rig import compare, coverage, examining, pipeline, schedule, series, settling, store
from rig.budget import Budget
from rig.compare import Side
from rig.errors import BuildError
from rig.examining import Check, Examined
from rig.experiment import Submission
from rig.kernel.build import foreseen
from rig.model import (
    Comparison,
    Coverage,
    Finding,
    FindingStatus,
    Further,
    Kernel,
    Presubmit,
    Profile,
    Recipe,
    Run,
    Verdict,
)
from rig.plan import guests_that_fit
from rig.progress import Progress
from rig.schedule import COVERAGE, EACH, STRESS, Schedule
from rig.series import Look


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
    check = Check(asked=asked, schedule=fits, bench=bench)
    result = await _checked(check, command_line)
    draft.finish(result)
    return result


async def _checked(check: Check, command_line: str) -> Run:
    asked, bench = check.asked, check.bench
    said = await examining.said_of(check)
    with check.step("build base"):
        base = await pipeline.build_base(asked.plan.base, bench)
    side, commits = await examining.examine(check, Side(kernel=base), said)
    nothing = _nothing(asked, commits)
    sides, comparison, commits = await _as_a_whole(check, side, commits, nothing)
    comparison, lines = await _covered(check, commits, nothing, comparison)
    further = await _further(check, _tip(commits), nothing)
    others = tuple(each.comparison for each in further)
    whole = series.combined(comparison, tuple(_looks(commits)), _beside(asked, commits), others)
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


def _looks(commits: tuple[Examined, ...]) -> Iterator[Look]:
    """Yield the looks at the commits, each with the commits before it that change something and could not be tried."""
    untried: list[str] = []
    for each in commits:
        if each.look:
            yield replace(each.look, untried=tuple(untried))
            untried = []
        elif not each.checked.same:
            untried.append(each.checked.short)


def _beside(asked: Submission, commits: tuple[Examined, ...]) -> tuple[Finding, ...]:
    """Return the findings that the looks at the commits don't have."""
    profile, checked = asked.plan.profile.name, tuple(each.checked for each in commits)
    return (
        *(finding for each in commits for finding in each.findings),
        *examining.build_failures(commits),
        *series.warnings(checked, profile),
        *series.complaints(checked, profile),
    )


def _nothing(asked: Submission, commits: tuple[Examined, ...]) -> str:
    """Return why there is nothing to run, "" if there is."""
    if not any(each.kernel for each in commits):
        return "none of its commits could be built"
    if not asked.workloads:
        return "no guest runs what it touches"
    if all(each.checked.same for each in commits if each.kernel):
        return "; ".join(dict.fromkeys(each.checked.same for each in commits if each.checked.same))
    return ""


async def _as_a_whole(
    check: Check, base: Side, commits: tuple[Examined, ...], nothing: str
) -> tuple[tuple[Side, Side], Comparison, tuple[Examined, ...]]:
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
    seen = examining.looked(tip, sides[1], bench.planned, comparison)
    commits = tuple(replace(each, look=seen.look) if each is tip else each for each in commits)
    if check.schedule.each:
        new = (each for each in comparison.findings if each.status is FindingStatus.NEW)
        sure = frozenset(title for each in new for title in compare.titles(each))
        commits = tuple([await _stressed(check, sides[0], each, sure) for each in commits])
    return sides, comparison, commits


def _tip(commits: tuple[Examined, ...]) -> Examined | None:
    return next((each for each in reversed(commits) if each.kernel), None)


def _untried(commits: tuple[Examined, ...], nothing: str) -> Comparison:
    """Return the comparison where nothing ran: clean if nothing that runs was changed, open if it is not built here."""
    unbuilt = dict(pair for each in commits for pair in each.checked.unbuilt)
    notes = (f"nothing to boot: {nothing}", *(f"{file} is not in this kernel: {why}" for file, why in unbuilt.items()))
    return Comparison(verdict=Verdict.INCONCLUSIVE if unbuilt else Verdict.CLEAN, findings=(), metrics=(), notes=notes)


async def _stressed(check: Check, base: Side, each: Examined, sure: frozenset[str]) -> Examined:
    """Run the workloads on a commit before the tip, against the trials of base; what the tip is `sure` of, once."""
    if not each.kernel or not each.look or each.look.workloads:
        return each
    assert isinstance(base.kernel, Kernel)
    bench = replace(check.bench, plan=replace(check.bench.plan, repeats=1))
    bench = await pipeline.equipped(bench, base.kernel, each.kernel)
    with check.step(EACH):
        sides = (base, Side(kernel=each.kernel, trials=each.checked.trials))
        (_, side), comparison = await settling.settle(bench, sides, bench.planned, sure=sure)
    return examining.looked(each, side, bench.planned, comparison)


async def _covered(
    check: Check, commits: tuple[Examined, ...], nothing: str, comparison: Comparison
) -> tuple[Comparison, Coverage | None]:
    """Return which of the changed lines run, if there is time for that, and what it makes of the comparison."""
    tip, plan = _tip(commits), check.bench.plan
    check.bench.budget.reserved = 0.0  # this is what it was for
    if nothing or not tip or not plan.coverage:
        return comparison, None
    if not check.schedule.coverage or not check.affords(COVERAGE):
        wanted = plan.require_coverage
        return (comparison if wanted is None else coverage.unknown(comparison, "there was no time", wanted)), None
    with check.step(COVERAGE):
        diffs = tuple(each.commit.patch for each in commits[: commits.index(tip) + 1])
        return await pipeline.covered(check.bench, comparison, tip.commit.recipe, diffs)


async def _further(check: Check, tip: Examined | None, nothing: str) -> tuple[Further, ...]:
    """Compare the series with its base under the other profiles that there is time for."""
    if nothing or not tip:
        return ()
    made = []
    for profile in (each for each in check.asked.profiles if each.name in check.schedule.profiles):
        what = schedule.under(profile.name)
        if check.affords(what):
            try:
                made.append(await _under(check, profile, tip.commit.recipe))
            except BuildError as error:  # of the base, or a configuration that can't be had: nothing can be said
                check.dropped.add(what)
                check.bench.progress.note(f"{what}: {str(error).splitlines()[0]}")
    return tuple(made)


async def _under(check: Check, profile: Profile, recipe: Recipe) -> Further:
    plan = replace(check.bench.plan, profile=profile, repeats=1)
    bench = replace(check.bench, plan=plan)
    with check.step(schedule.under(profile.name)):
        base = await pipeline.build_base(plan.base, bench)
        tip = await pipeline.build_side(recipe, bench)
        bench = await pipeline.equipped(bench, base, tip)
        sides, comparison = await settling.settle(bench, (Side(kernel=base), Side(kernel=tip)), bench.planned)
    trials = tuple(trial for side in sides for trial in side.trials)
    return Further(profile=profile.name, comparison=comparison, trials=trials)
