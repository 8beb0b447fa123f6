"""Trials until there is nothing left that more of them could settle, or the plan's limit."""

from dataclasses import replace

from rig import compare, rounds
from rig.compare import Rules, Side
from rig.model import BuildFailure, Comparison, Finding, Kernel, Verdict
from rig.rounds import Bench

Sides = tuple[Side, Side]


async def settle(
    bench: Bench,
    sides: Sides,
    workloads: tuple[str, ...],
    *,
    sure: frozenset[str] = frozenset(),
) -> tuple[Sides, Comparison]:
    """Run `workloads` on both sides as often as planned, and again what is suspected; () only boots.

    Trials that a side comes with count. What is `sure`, by title, is not confirmed: other kernels showed that the base
    does not have it. Returns the sides with the trials that were added. Sides that could not be built are compared
    as they are.
    """
    agreed = rules(bench, workloads)
    if not all(isinstance(side.kernel, Kernel) for side in sides):
        return sides, compare.compare(*sides, agreed)
    sides = _pair(await rounds.complete(bench, sides, workloads, bench.plan.repeats))
    comparison = compare.compare(*sides, agreed)
    doubtful = tuple(each for each in compare.suspicions(comparison.findings) if sure.isdisjoint(compare.titles(each)))
    for _ in range(bench.plan.confirm):
        if not doubtful or bench.budget.left_out:
            break
        bench.progress.note("confirming: " + "; ".join(finding.title for finding in doubtful))
        sides = _pair(await rounds.run(bench, sides, _involved(workloads, doubtful), 1))
        comparison = compare.compare(*sides, agreed)
        if comparison.verdict is Verdict.REGRESSION:  # what else was seen once does not make it worse
            break
        doubtful = compare.undecided(comparison.findings)
    return sides, _noted(bench, comparison)


async def look(bench: Bench, side: Side) -> tuple[tuple[Side], Comparison]:
    """Run the planned workloads on one kernel alone: all it shows is listed as seen."""
    if isinstance(side.kernel, BuildFailure):
        return (side,), compare.alone(side, rules(bench, bench.planned))
    (side,) = await rounds.complete(bench, (side,), bench.planned, bench.plan.repeats)
    return (side,), _noted(bench, compare.alone(side, rules(bench, bench.planned)))


def _pair(sides: tuple[Side, ...]) -> Sides:
    base, patched = sides
    return base, patched


def _noted(bench: Bench, comparison: Comparison) -> Comparison:
    notes = tuple(filter(None, (bench.budget.note,)))
    return replace(comparison, notes=comparison.notes + notes)


def rules(bench: Bench, workloads: tuple[str, ...]) -> Rules:
    """Return what comparisons of trials with `workloads` go by."""
    profile = bench.plan.profile
    return Rules(
        planned=workloads,
        profile=profile.name,
        guarded=bench.plan.guarded,
        known=profile.known,
        alpha=1 - bench.plan.confidence,
        judges_speed=profile.judges_speed,
    )


def _involved(workloads: tuple[str, ...], findings: tuple[Finding, ...]) -> tuple[str, ...]:
    """Return the workloads that showed `findings`; the first one for those seen at boot."""
    names = {name for finding in findings for name in finding.workload.split(", ")}
    return tuple(name for name in workloads if name in names) or workloads[:1]
