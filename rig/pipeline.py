"""The stages in order: accelerate, pack, build, boot, read, compare, keep."""

import asyncio
import platform
from dataclasses import replace
from itertools import count

from rig import compare, rounds, store
from rig.budget import Budget
from rig.compare import Rules, Side, SideName
from rig.errors import BuildError
from rig.experiment import Plan
from rig.guest import accel, image, qemu
from rig.kernel import selftests, trees
from rig.kernel.build import build
from rig.model import (
    BuildFailure,
    Comparison,
    Environment,
    Finding,
    Kernel,
    Recipe,
    Run,
    Selftests,
    Settings,
    Trial,
    Verdict,
)
from rig.plan import guests_that_fit
from rig.progress import Progress
from rig.reading import Reader, reader
from rig.rounds import NAMES, Bench
from rig.selftests import Suite


async def run(
    plan: Plan, draft: store.Draft, progress: Progress, command_line: str, *, before: tuple[Trial, ...] = ()
) -> Run:
    """Carry out `plan` and return what came of it, kept in `draft`.

    With one kernel alone there is nothing to compare: all it shows is listed as seen. With trials of base made
    `before`, base is not run again unless a suspicion has to be confirmed.
    Raises BuildError if the base kernel can't be built, RigError for faults of the host.
    """
    budget = Budget(seconds=plan.budget)
    bench = await _bench(plan, draft, progress, budget)
    named = [(name, recipe.name) for name, recipe in zip(NAMES, (plan.base, plan.patched), strict=True) if recipe]
    bench.announce(named[1 if before else 0 :] * plan.repeats, _planned(bench))
    base = await _build(plan.base, bench)
    patched = await _build(plan.patched, bench) if plan.patched else None
    if isinstance(base, BuildFailure):
        raise BuildError(f"{base.name} does not compile:\n" + "\n".join(base.errors[:10]), hint=f"log: {base.log}")
    bench = replace(bench, readers=await _readers(base, patched), selftests=await _selftests(bench, base, patched))
    sides, comparison = await _settle(bench, base, patched, before)
    result = Run(
        id=draft.id,
        began=draft.began.isoformat(timespec="seconds"),
        seconds=round(budget.gone, 1),
        command=command_line,
        base=base,
        patched=patched,
        trials=tuple(each for side in sides for each in side.trials),
        comparison=comparison,
        environment=await _environment(bench, base, patched),
        settings=_settings(plan),
        stages=tuple(bench.stages),
        patch=await _patch(base, patched),
    )
    draft.finish(result)
    return result


async def _bench(plan: Plan, draft: store.Draft, progress: Progress, budget: Budget) -> Bench:
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
        numbers={"base": count(1), "patched": count(1)},
        readers={},
        selftests={},
        stages=[],
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


async def _build(recipe: Recipe, bench: Bench) -> Kernel | BuildFailure:
    with bench.stage(f"build {recipe.name}"):
        kernel = await build(recipe, bench.plan.profile, bench.progress)
    bench.draft.copy(kernel.log, f"build-{store.named(recipe.name)}.log")
    return kernel


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


async def _settle(
    bench: Bench, base: Kernel, patched: Kernel | BuildFailure | None, before: tuple[Trial, ...]
) -> tuple[tuple[Side, ...], Comparison]:
    """Run trials until there is nothing left that more of them could settle, or the plan's limit."""
    known = Side(kernel=base, trials=before)
    sides: tuple[Side, ...] = (known, Side(kernel=patched)) if patched else (known,)
    if any(isinstance(side.kernel, BuildFailure) for side in sides):
        return sides, _compared(bench, sides)
    sides = await rounds.run(bench, sides, _planned(bench), bench.plan.repeats, NAMES[1:] if before else NAMES)
    comparison = _compared(bench, sides)
    doubtful = compare.suspicions(comparison.findings)
    for _ in range(bench.plan.confirm if patched else 0):
        if not doubtful or bench.budget.left_out:
            break
        bench.progress.note("confirming: " + "; ".join(finding.title for finding in doubtful))
        sides = await rounds.run(bench, sides, _involved(bench, doubtful), 1)
        comparison = _compared(bench, sides)
        if comparison.verdict is Verdict.REGRESSION:  # what else was seen once does not make it worse
            break
        doubtful = compare.undecided(comparison.findings)
    notes = tuple(filter(None, (bench.budget.note,)))
    return sides, replace(comparison, notes=comparison.notes + notes)


def _compared(bench: Bench, sides: tuple[Side, ...]) -> Comparison:
    profile = bench.plan.profile
    rules = Rules(
        planned=_planned(bench),
        profile=profile.name,
        guarded=bench.plan.guarded,
        known=profile.known,
        alpha=1 - bench.plan.confidence,
        judges_speed=profile.judges_speed,
    )
    if len(sides) == 1:
        return compare.alone(sides[0], rules)
    before, after = sides
    return compare.compare(before, after, rules)


def _planned(bench: Bench) -> tuple[str, ...]:
    return tuple(entry.name for entry in bench.plan.workloads)


def _involved(bench: Bench, findings: tuple[Finding, ...]) -> tuple[str, ...]:
    """Return the workloads that showed `findings`; the first one for those seen at boot."""
    names = {name for finding in findings for name in finding.workload.split(", ")}
    return tuple(name for name in _planned(bench) if name in names) or _planned(bench)[:1]


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
    )
