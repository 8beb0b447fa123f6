"""The stages in order: accelerate, pack, build, boot, read, compare, keep."""

import asyncio
import platform
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path

from rig import coverage, duration, settling, store
from rig.budget import Budget
from rig.compare import Side, SideName
from rig.covering import cover
from rig.errors import BuildError
from rig.events import Coming
from rig.experiment import Plan
from rig.guest import accel, image, qemu
from rig.kernel import selftests, trees
from rig.kernel.build import build
from rig.model import (
    BuildFailure,
    Comparison,
    Coverage,
    Environment,
    Kernel,
    Recipe,
    Run,
    Selftests,
    Settings,
    Trial,
)
from rig.plan import guests_that_fit
from rig.progress import Progress
from rig.reading import Reader, reader
from rig.rounds import NAMES, Bench
from rig.selftests import Suite

Lender = Callable[[Kernel, Environment], tuple[Trial, ...]]


async def run(
    plan: Plan,
    draft: store.Draft,
    progress: Progress,
    command_line: str,
    *,
    before: tuple[Trial, ...] = (),
    lend: Lender | None = None,
    sure: frozenset[str] = frozenset(),
) -> Run:
    """Carry out `plan` and return what came of it, kept in `draft`.

    With one kernel alone there is nothing to compare: all it shows is listed as seen. Trials made `before` count, of
    this run when it was interrupted or of another one: only what is lacking is run, and what a suspicion calls for.
    `lend` is asked for more of base once that is built, unless there are some. What is `sure` already, by title, is not
    confirmed.
    Raises BuildError if the base kernel can't be built, RigError for faults of the host.
    """
    budget = Budget(seconds=plan.budget)
    bench = await prepare(plan, draft, progress, budget)
    bench.announce(_foreseen(plan, before))
    base = await build_base(plan.base, bench)
    patched = await build_side(plan.patched, bench) if plan.patched else None
    bench = await equipped(bench, base, patched)
    before = (*before, *await _lent(bench, base, before, lend))
    bench = replace(bench, numbers=_numbers(before))
    sides, comparison = await _compared(bench, base, patched, before, sure)
    lines: Coverage | None = None
    if plan.coverage and plan.patched and isinstance(patched, Kernel):
        comparison, lines = await covered(bench, comparison, plan.patched, (await _patch(base, patched),))
    result = await conclude(bench, sides, comparison, command_line, lines)
    draft.finish(result)
    return result


def _foreseen(plan: Plan, before: tuple[Trial, ...]) -> Iterator[Coming]:
    """Yield the trials to come, as far as it is known before anything is built."""
    workloads = tuple(entry.name for entry in plan.workloads)
    recipes = [(name, recipe) for name, recipe in zip(NAMES, (plan.base, plan.patched), strict=True) if recipe]
    for name, recipe in recipes * plan.repeats:
        if all(trial.side != name for trial in before):
            yield Coming(side=name, kernel=recipe.name, workloads=workloads)


async def prepare(plan: Plan, draft: store.Draft, progress: Progress, budget: Budget) -> Bench:
    """Return what all trials of `plan` have in common: acceleration found, image packed, kernels still to be built."""
    chosen = await accel.find(plan.accel, plan.clock)
    progress.note(f"acceleration: {chosen.name}: {chosen.reason}")
    return Bench(
        plan=plan,
        accel=chosen,
        image=await image.build(progress),
        draft=draft,
        progress=progress,
        budget=budget,
        seats=asyncio.Semaphore(plan.jobs or guests_that_fit(plan.shape, chosen)),
        numbers=_numbers(()),
        readers={},
        selftests={},
        stages=[],
    )


async def conclude(
    bench: Bench,
    sides: tuple[Side, ...],
    comparison: Comparison,
    command_line: str,
    lines: Coverage | None = None,
) -> Run:
    """Return all that came of the trials as one value."""
    base, patched = sides[0].kernel, sides[1].kernel if len(sides) > 1 else None
    assert isinstance(base, Kernel)
    return Run(
        id=bench.draft.id,
        began=bench.draft.began.isoformat(timespec="seconds"),
        seconds=round(bench.budget.gone, 1),
        command=command_line,
        base=base,
        patched=patched,
        trials=tuple(each for side in sides for each in side.trials),
        comparison=comparison,
        environment=await _environment(bench, base, patched),
        settings=_settings(bench.plan),
        stages=tuple(bench.stages),
        patch=await _patch(base, patched),
        coverage=lines,
    )


def _settings(plan: Plan) -> Settings:
    return Settings(
        workloads=tuple(entry.name for entry in plan.workloads),
        seconds=plan.seconds,
        repeats=plan.repeats,
        confirm=plan.confirm,
        confidence=plan.confidence,
        budget=plan.budget,
        guarded=plan.guarded,
    )


async def _patch(base: Kernel, patched: Kernel | BuildFailure | None) -> str:
    """Return the difference between the trees, "" where there is none to be had."""
    return await trees.difference(base.tree, patched.tree) if patched else ""


async def build_base(recipe: Recipe, bench: Bench) -> Kernel:
    """Return the kernel that others are compared with; raises BuildError if it can't be built."""
    base = await _built(recipe, bench)
    if isinstance(base, BuildFailure):
        raise BuildError(f"{base.name} does not compile:\n" + "\n".join(base.errors[:10]), hint=f"log: {base.log}")
    return base


async def build_side(recipe: Recipe, bench: Bench) -> Kernel | BuildFailure:
    """Return a kernel; the log of one that does not compile is where the run has it."""
    kernel = await _built(recipe, bench)
    return replace(kernel, log=_log(recipe, bench)) if isinstance(kernel, BuildFailure) else kernel


async def _built(recipe: Recipe, bench: Bench) -> Kernel | BuildFailure:
    with bench.stage(f"build {recipe.name}"):
        kernel = await build(recipe, bench.plan.profile, bench.progress)
    bench.draft.copy(kernel.log, _log(recipe, bench).name)
    return kernel


def _log(recipe: Recipe, bench: Bench) -> Path:
    return bench.draft.directory / f"build-{store.named(recipe.name)}.log"


async def equipped(bench: Bench, base: Kernel, patched: Kernel | BuildFailure | None) -> Bench:
    """Return `bench` with what reads the consoles of these kernels, and the tests that their trees bring."""
    return replace(bench, readers=await _readers(base, patched), selftests=await _selftests(bench, base, patched))


async def _readers(base: Kernel, patched: Kernel | BuildFailure | None) -> dict[SideName, Reader]:
    if not isinstance(patched, Kernel):
        return {"base": await reader(base, None, "base")}
    return {"base": await reader(base, patched, "base"), "patched": await reader(patched, base, "patched")}


async def _selftests(
    bench: Bench, base: Kernel, patched: Kernel | BuildFailure | None
) -> dict[SideName, Selftests | None]:
    """Return what the trees of both sides bring to test them, if the plan asks for it."""
    if not any(isinstance(entry, Suite) for entry in bench.plan.workloads) or isinstance(patched, BuildFailure):
        return {}
    kernels = (base, patched) if patched else (base,)
    return {name: await selftests.build(kernel, bench.progress) for name, kernel in zip(NAMES, kernels, strict=False)}


async def _compared(
    bench: Bench,
    base: Kernel,
    patched: Kernel | BuildFailure | None,
    before: tuple[Trial, ...],
    sure: frozenset[str],
) -> tuple[tuple[Side, ...], Comparison]:
    made = {name: tuple(trial for trial in before if trial.side == name) for name in NAMES}
    known = Side(kernel=base, trials=made["base"])
    if patched is None:
        return await settling.look(bench, known)
    sides = known, Side(kernel=patched, trials=made["patched"])
    return await settling.settle(bench, sides, bench.planned, sure=sure)


async def covered(
    bench: Bench, comparison: Comparison, recipe: Recipe, diffs: tuple[str, ...]
) -> tuple[Comparison, Coverage | None]:
    """Return which of the lines run that `diffs` change on the way to `recipe`, and what that makes of a comparison."""
    plan = bench.plan
    if not bench.budget.admits(bench.planned):
        why = f"the budget of {duration.words(plan.budget or 0)} was too short"
        return coverage.unknown(comparison, why, plan.require_coverage), None
    try:
        lines = await cover(bench, recipe, diffs, bench.planned)
    except BuildError as error:  # gcov can't be had in this tree; the rest was found out all the same
        return coverage.unknown(comparison, str(error).splitlines()[0], plan.require_coverage), None
    return coverage.judged(comparison, lines, plan.require_coverage), lines


async def _lent(bench: Bench, base: Kernel, before: tuple[Trial, ...], lend: Lender | None) -> tuple[Trial, ...]:
    """Return trials of base that were made elsewhere, kept in this run as well: it may be interrupted."""
    if lend is None or any(trial.side == "base" for trial in before):
        return ()
    lent = lend(base, await _environment(bench, base, None))
    for trial in lent:
        bench.draft.keep(trial)
    return lent


def _numbers(before: tuple[Trial, ...]) -> dict[SideName, Iterator[int]]:
    """Return the numbers for the boots of each side that are to come."""
    return {name: count(1 + max((trial.index for trial in before if trial.side == name), default=0)) for name in NAMES}


async def _environment(bench: Bench, base: Kernel, patched: Kernel | BuildFailure | None) -> Environment:
    other = patched if isinstance(patched, Kernel) else None
    return Environment(
        accel=bench.accel.name,
        accel_reason=bench.accel.reason,
        qemu=await qemu.version(),
        cpu=qemu.cpu(bench.accel),
        compiler=base.compiler,
        image=bench.image.digest,
        profile=bench.plan.profile.name,
        vcpus=bench.plan.shape.vcpus,
        threads=bench.plan.threads,
        clock=bench.accel.clock,
        memory_mib=bench.plan.shape.memory_mib,
        seed=bench.plan.seed,
        host=f"{platform.node()} {platform.machine()} {platform.release()}",
        base_tree=base.tree,
        patched_tree=other.tree if other else "",
        base_config=base.config_digest,
        patched_config=other.config_digest if other else "",
        cmdline=bench.plan.shape.cmdline,
    )
