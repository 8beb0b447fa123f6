"""YAML and arguments to the whole experiment as one value."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import psutil
from pydantic import BeforeValidator, Field

from rig import duration, own, paths, reach, workloads, yamlfile
from rig.errors import InputError
from rig.experiment import Overrides, Plan
from rig.kernel import recipe
from rig.model import Accel, Clock, Leaks, Profile, Recipe, Shape
from rig.nightly import known
from rig.nightly.known import KnownIssue
from rig.nightly.matrix import NightlyFile


class ProfileFile(yamlfile.Strict):
    """configs/profiles/NAME.yaml."""

    description: str
    fragments: list[str]
    cmdline: list[str] = Field(default=[])
    detectors: list[str] = Field(default=[])
    leaks: Leaks = "suspected"
    known: list[str] = Field(default=[])
    slowdown: float | None = Field(default=None, gt=0)


def _seconds(written: object) -> object:
    return duration.seconds(str(written)) if written is not None else None


class PlanFile(yamlfile.Strict):
    """configs/plans/NAME.yaml."""

    profile: str
    workloads: list[str] = Field(min_length=1)
    guarded: list[str] = Field(default=[])
    repeats: int = Field(default=3, ge=1)
    confirm: int = Field(default=9, ge=0)
    confidence: float = Field(default=0.95, ge=0.5, lt=1)
    budget: Annotated[int | None, BeforeValidator(_seconds)] = None
    seconds: int = Field(default=10, ge=1)
    vcpus: int = Field(default=2, ge=1, le=16)
    threads: int = Field(default=2, ge=1, le=64)
    memory: int = Field(default=1024, ge=256)
    seed: int = Field(default=1, ge=0)
    clock: Clock = "host"
    cmdline: list[str] = Field(default=[])
    coverage: bool = False
    require_coverage: float | None = Field(default=None, ge=0, le=100)


def profile(name: str) -> Profile:
    """Return the profile `name` of configs/profiles; raises InputError."""
    directory = paths.project() / "configs"
    path = directory / "profiles" / f"{name}.yaml"
    if not path.is_file():
        known = [found.stem for found in path.parent.glob("*.yaml")]
        raise InputError(f"no profile {name!r}", hint=yamlfile.near(name, known))
    read = yamlfile.load(ProfileFile, path)
    return Profile(
        name=name,
        description=read.description,
        fragments=tuple(_fragment(directory / "fragments" / item, path) for item in read.fragments),
        cmdline=tuple(read.cmdline),
        detectors=tuple(read.detectors),
        leaks=read.leaks,
        known=tuple(read.known),
        slowdown=read.slowdown,
    )


def profiles() -> tuple[Profile, ...]:
    """Return all profiles of configs/profiles, the default plan's first; raises InputError."""
    first = plan_file("default").profile
    names = (path.stem for path in (paths.project() / "configs" / "profiles").glob("*.yaml"))
    return tuple(profile(name) for name in sorted(names, key=lambda name: (name != first, name)))


def counting(of: Profile) -> Profile:
    """Return the profile `of` for kernels that count which of their lines run."""
    return replace(of, fragments=(*of.fragments, paths.project() / "configs" / "fragments" / "coverage.config"))


def _fragment(path: Path, wanted_by: Path) -> Path:
    if not path.is_file():
        raise InputError(f"{wanted_by}: fragments: there is no {path}")
    return path


def workload_table() -> dict[str, workloads.Listed]:
    """Return the workloads of configs/workloads.yaml by name."""
    path = paths.project() / "configs" / "workloads.yaml"
    return workloads.load(path.read_text(), str(path))


def reach_rules() -> tuple[reach.Rule, ...]:
    """Return the rules of configs/reach.yaml; raises InputError, also for names that there are not."""
    path = paths.project() / "configs" / "reach.yaml"
    rules = reach.load(path.read_text(), str(path))
    for rule in rules:
        _workloads(rule.workloads)
        for name in rule.profiles:
            profile(name)
    return rules


def _workloads(names: tuple[str, ...]) -> tuple[workloads.Listed | workloads.Own, ...]:
    table = workload_table()
    found = {name: own.resolve(name) if "/" in name else _listed(name, table) for name in names}
    called = [entry.name for entry in found.values()]
    if twice := next((name for name in called if called.count(name) > 1), None):
        raise InputError(f"two workloads are called {twice}", hint="a program goes by its file name: rename one")
    return tuple(found.values())


def _listed(name: str, table: dict[str, workloads.Listed]) -> workloads.Listed:
    if name not in table:
        hint = yamlfile.near(name, list(table))
        raise InputError(f"no workload {name!r}", hint=f"{hint}; a program of your own is named with a /, as ./{name}")
    return table[name]


def plan_file(name: str) -> PlanFile:
    """Return the plan `name` of configs/plans, or the plan at that path; raises InputError."""
    path = Path(name) if name.endswith((".yaml", ".yml")) else paths.project() / "configs" / "plans" / f"{name}.yaml"
    if not path.is_file():
        known = [found.stem for found in (paths.project() / "configs" / "plans").glob("*.yaml")]
        raise InputError(f"no plan {name!r}", hint=yamlfile.near(name, known))
    return yamlfile.load(PlanFile, path)


def nightly_file(path: Path | None = None) -> tuple[NightlyFile, Path]:
    """Return the plan of every night at `path`, or configs/nightly.yaml, and where that is; raises InputError."""
    file = (path or paths.project() / "configs" / "nightly.yaml").absolute()
    return yamlfile.load(NightlyFile, file), file


def known_issues(path: Path | None = None) -> tuple[KnownIssue, ...]:
    """Return the known issues at `path`, or of configs/known-issues.yaml; raises InputError."""
    file = path or paths.project() / "configs" / "known-issues.yaml"
    try:
        return known.load(file.read_text(encoding="utf-8"), str(file))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{file}: can't be read: {error}") from error


def guests_that_fit(shape: Shape, accel: Accel) -> int:
    """Return how many guests of `shape` this host runs side by side without sharing cores or swapping."""
    threads = shape.vcpus if accel.name == "kvm" else 1  # an emulated guest runs on one thread
    by_cores = (psutil.cpu_count() or 1) // threads
    by_memory = int(psutil.virtual_memory().available // (shape.memory_mib * 1.3 * 2**20))
    return max(1, min(by_cores, by_memory))


def make(
    base: str, patched: str | None, *, file: str = "default", tree: Path | None = None, overrides: Overrides
) -> Plan:
    """Return the plan for KERNEL arguments `base` and `patched`; raises InputError for what can't be meant."""
    base_recipe = recipe.resolve(base, tree=tree)
    patched_recipe = recipe.resolve(patched, base=base_recipe, tree=tree) if patched is not None else None
    return of(base_recipe, patched_recipe, file=file, overrides=overrides)


def of(base: Recipe, patched: Recipe | None, *, file: str, overrides: Overrides) -> Plan:
    """Return the plan for two kernels, or one alone; raises InputError for what can't be meant."""
    read = _overridden(plan_file(file), overrides)
    shape = _shape(read)
    return Plan(
        base=base,
        patched=patched,
        profile=profile(read.profile),
        workloads=_workloads(tuple(read.workloads)),
        guarded=tuple(read.guarded),
        repeats=read.repeats,
        confirm=read.confirm,
        confidence=read.confidence,
        budget=read.budget,
        seconds=read.seconds,
        threads=read.threads,
        seed=read.seed,
        jobs=overrides.jobs,
        shape=shape,
        accel=overrides.accel,
        clock=read.clock,
        coverage=patched is not None and (read.coverage or read.require_coverage is not None),
        require_coverage=read.require_coverage,
    )


def _shape(file: PlanFile) -> Shape:
    if file.clock == "virtual" and file.vcpus > 1:
        raise InputError("with virtual time QEMU does not bring up a second processor", hint="add --vcpus 1")
    return Shape(vcpus=file.vcpus, memory_mib=file.memory, cmdline=tuple(file.cmdline))


def _overridden(file: PlanFile, overrides: Overrides) -> PlanFile:
    """Return `file` with what the command line says, checked by the same rules."""
    given = {name: getattr(overrides, name, None) for name in PlanFile.model_fields}
    said = {name: value for name, value in given.items() if value is not None and value != ()}
    return file.model_copy(update=said)
