"""Sides of runs that are kept, put against each other."""

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

from rig import compare, paths, plan, statistics, store
from rig.compare import Rules, Side, SideName
from rig.errors import InputError
from rig.kernel import trees
from rig.model import BuildFailure, Environment, Kernel, Run, Trial

_NAMED = re.compile(r"(?P<run>.+?)(?::(?P<side>base|patched))?")
_ID = re.compile(r"\d{8}-\d{6}-[0-9a-f]{4}|latest")
# What decides how often something is seen: with these apart, counts can't be compared.
GRAVE = ("accel", "clock", "profile", "vcpus", "threads", "memory_mib", "cmdline", "config", "seconds")
# What should not matter, and may.
SLIGHT = ("host", "qemu", "cpu", "compiler", "image", "seed", "workloads")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """One side of a run that is kept."""

    run: Run
    directory: Path
    name: SideName

    @property
    def kernel(self) -> Kernel | BuildFailure:
        """Return its kernel, or why there is none."""
        other = self.run.patched
        return other if self.name == "patched" and other else self.run.base

    @property
    def trials(self) -> tuple[Trial, ...]:
        """Return its trials."""
        return tuple(trial for trial in self.run.trials if trial.side == self.name)

    def facts(self) -> dict[str, object]:
        """Return what should be alike on both sides, by name; settings only where the run has them."""
        environment, settings = self.run.environment, self.run.settings
        facts: dict[str, object] = {name: getattr(environment, name, None) for name in (*GRAVE, *SLIGHT)}
        facts["config"] = (environment.patched_config if self.name == "patched" else environment.base_config)[:16]
        if settings:
            facts |= {"seconds": settings.seconds, "workloads": ", ".join(settings.workloads)}
        return facts


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Something beside the patch that sets two sides apart."""

    what: str
    base: object
    patched: object

    def __str__(self) -> str:
        return f"{self.what}: {self.base} on base, {self.patched} on patched"


def find(argument: str) -> Kept | None:
    """Return the side of a kept run that `argument` names, None if it names none.

    RUN is what that run tested: its patched side, if it had one. RUN:base and RUN:patched say which. Raises InputError.
    """
    found = _NAMED.fullmatch(argument)
    if not found or not (_ID.fullmatch(found["run"]) or (Path(found["run"]) / store.RESULT).is_file()):
        return None
    directory = store.location(found["run"])
    run = store.read(directory)
    if found["side"] == "patched" and not run.patched:
        raise InputError(f"{argument}: in that run {run.base.name} ran alone", hint=f"leave out :{found['side']}")
    name: SideName = "base" if found["side"] == "base" or not run.patched else "patched"
    return Kept(run=run, directory=directory, name=name)


def differences(base: Kept, patched: Kept, names: tuple[str, ...]) -> Iterator[Difference]:
    """Yield in which of `names` the sides differ; what one of them doesn't tell is no difference."""
    one, other = base.facts(), patched.facts()
    for name in names:
        if one[name] != other[name] and None not in (one[name], other[name]):
            yield Difference(what=name, base=one[name], patched=other[name])


async def join(base: Kept, patched: Kept, draft: store.Draft, command: str, *, anyway: bool) -> Run:
    """Return the comparison of both sides as a run of its own, kept in `draft` with their consoles.

    Raises InputError if more differs than can be compared, unless it is wanted `anyway`.
    """
    grave = tuple(map(str, differences(base, patched, GRAVE)))
    if grave and not anyway:
        raise InputError(
            "these runs differ in more than the patch:\n" + "\n".join(f"  {each}" for each in grave),
            hint="run one of them again as the other was (`rig show RUN` has its command), or say --anyway",
        )
    sides = (
        Side(kernel=base.kernel, trials=_taken(base, "base", draft)),
        Side(kernel=patched.kernel, trials=_taken(patched, "patched", draft)),
    )
    comparison = compare.compare(*sides, _rules(base, patched))
    notes = (*grave, *map(str, differences(base, patched, SLIGHT)))
    result = Run(
        id=draft.id,
        began=draft.began.isoformat(timespec="seconds"),
        seconds=sum(trial.seconds for side in sides for trial in side.trials),
        command=command,
        base=base.kernel,
        patched=patched.kernel,
        trials=tuple(chain.from_iterable(side.trials for side in sides)),
        comparison=replace(
            comparison, notes=(*(f"differs beside the patch: {each}" for each in notes), *comparison.notes)
        ),
        environment=_environment(base, patched),
        settings=patched.run.settings,
        patch=await trees.difference(base.kernel.tree, patched.kernel.tree),
    )
    draft.finish(result)
    return result


def _taken(kept: Kept, side: SideName, draft: store.Draft) -> tuple[Trial, ...]:
    """Return the trials of a side as those of `side` here, with their consoles and logs copied."""
    for file in kept.directory.glob(f"*-{kept.name}-*.log"):
        shutil.copyfile(file, draft.directory / file.name.replace(f"-{kept.name}-", f"-{side}-"))
    return tuple(
        replace(
            trial,
            side=side,
            console=trial.console.replace(f"-{kept.name}-", f"-{side}-"),
            began=0.0,
            run=trial.run or kept.run.id,
        )
        for trial in kept.trials
    )


def lend(trials: tuple[Trial, ...], side: SideName, draft: store.Draft) -> tuple[Trial, ...]:
    """Return trials of earlier runs as the first ones of `side` here, with what is still there of their consoles."""
    return tuple(_lent(trial, side, number, draft) for number, trial in enumerate(trials, start=1))


def _lent(trial: Trial, side: SideName, number: int, draft: store.Draft) -> Trial:
    own = replace(trial, side=side, index=number, began=0.0, console=f"console-{side}-{number}.log")
    console = store.Consoles(paths.runs() / trial.run).get(trial.console)
    if console is not None:
        (draft.directory / own.console).write_bytes(console)
    return own


def _rules(base: Kept, patched: Kept) -> Rules:
    """Return what to go by: the workloads that both were to run, and patched's own settings."""
    profile = plan.profile(patched.run.environment.profile)
    settings = patched.run.settings
    return Rules(
        planned=_planned(base, patched),
        profile=profile.name,
        guarded=settings.guarded if settings else (),
        known=profile.known,
        alpha=1 - settings.confidence if settings else statistics.ALPHA,
        judges_speed=profile.judges_speed,
    )


def _planned(base: Kept, patched: Kept) -> tuple[str, ...]:
    names = [dict.fromkeys(chain.from_iterable(trial.planned for trial in kept.trials)) for kept in (base, patched)]
    return tuple(name for name in names[0] if name in names[1])


def _environment(base: Kept, patched: Kept) -> Environment:
    one, other = base.run.environment, patched.run.environment
    return replace(
        other,
        base_tree=base.kernel.tree,
        patched_tree=patched.kernel.tree,
        base_config=one.patched_config if base.name == "patched" else one.base_config,
        patched_config=other.patched_config if patched.name == "patched" else other.base_config,
    )
