"""What a run was made of, kept with it, so that it can be done again elsewhere."""

import shlex
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import yaml

from rig import store, workloads
from rig.experiment import Plan
from rig.guest import alone, qemu
from rig.kernel.checkouts import REMOTE
from rig.model import Accel, BuildFailure, Image, Kernel, Recipe, Run, Source, Workload
from rig.plan import PlanFile
from rig.render.script import Again, Side
from rig.selftests import Suite

Entry = workloads.Listed | workloads.Own
INPUTS, KERNELS = "inputs", "kernels"  # in the run directory
INITRD = "initramfs.cpio"


def copy(planned: Plan, directory: Path) -> Plan:
    """Copy patches and the user's own workloads into the run's `directory`; return the plan made of the copies."""
    recipes = {
        side: replace(recipe, patches=_patches(recipe, directory / INPUTS / side))
        for side, recipe in (("base", planned.base), ("patched", planned.patched))
        if recipe
    }
    own = tuple(_own(entry, directory / INPUTS / "workloads") for entry in planned.workloads)
    return replace(planned, base=recipes["base"], patched=recipes.get("patched"), workloads=own)


def _patches(recipe: Recipe, to: Path) -> tuple[Path, ...]:
    if recipe.patches:
        to.mkdir(parents=True, exist_ok=True)
    return tuple(_patch(path, to / f"{number:02}-{path.name}") for number, path in enumerate(recipe.patches, start=1))


def _patch(path: Path, to: Path) -> Path:
    if not path.is_dir():
        shutil.copyfile(path, to)
        return to
    to.mkdir(exist_ok=True)  # the run may have been interrupted
    told = ""
    for number, (patch, options) in enumerate(_series(path), start=1):
        name = f"{number:03}-{patch.name}"  # a series may name files anywhere
        shutil.copyfile(patch, to / name)
        told += " ".join((name, *options)) + "\n"
    (to / "series").write_text(told)
    return to


def _series(path: Path) -> Iterator[tuple[Path, tuple[str, ...]]]:
    """Yield the patches of a series in order, with their options; not what else lies in its directory."""
    series = path / "series"
    if not series.is_file():
        yield from ((each, ()) for each in sorted(path.glob("*.patch")))
        return
    for line in series.read_text().splitlines():
        name, *options = line.partition("#")[0].split() or [""]
        if name and (path / name).is_file():
            yield path / name, tuple(options)


def _own(entry: Entry, to: Path) -> Entry:
    """Return a workload of the user's as its copy; a listed one as it is."""
    if not isinstance(entry, workloads.Own):
        return entry
    to.mkdir(parents=True, exist_ok=True)
    shutil.copy(entry.path, to / entry.name)
    shared = entry.path.with_name("conftest.py")  # what pytest looks for beside tests
    if entry.tests and shared.is_file():
        shutil.copy(shared, to / shared.name)
    return replace(entry, path=to / entry.name)


# ---- what is written once the run is done


def write(kept: Plan, run: Run, directory: Path, image: Image | None = None) -> Again:
    """Write plan and recipes of `kept`, whose copies are in `directory`; return what the script needs to know.

    With an `image` the kernels are kept too, with an initramfs that needs no rig.
    """
    command = _keep_kernels(kept, run, image, directory) if image else ()
    (directory / INPUTS).mkdir(exist_ok=True)
    (directory / INPUTS / "plan.yaml").write_text(yaml.safe_dump(_plan(kept, directory), sort_keys=False))
    words = tuple(_word(entry, directory) for entry in kept.workloads)
    return Again(
        base=_side("base", kept.base, run.base, directory),
        patched=_patched(kept, run, directory),
        own=words if any(file for file, _ in words) else (),
        options=() if kept.accel == "auto" else ("--accel", kept.accel),
        qemu=command,
    )


def _plan(kept: Plan, directory: Path) -> dict[str, Any]:
    """Return the fields of a plan file, which names own workloads as they are seen from the run directory."""
    words = (_word(entry, directory) for entry in kept.workloads)
    known = {
        "profile": kept.profile.name,
        "workloads": [f"./{file} {rest}".strip() if file else rest for file, rest in words],
        "vcpus": kept.shape.vcpus,
        "memory": kept.shape.memory_mib,
        "cmdline": list(kept.shape.cmdline),
        "guarded": list(kept.guarded),
    }
    found = {name: known.get(name, getattr(kept, name, None)) for name in PlanFile.model_fields}
    return {name: value for name, value in found.items() if value is not None}


def _word(entry: Entry, directory: Path) -> tuple[str, str]:
    """Return a workload as -w takes it: what stands in the run directory, and arguments; ("", NAME) if it is listed."""
    if not isinstance(entry, workloads.Own):
        return "", entry.name
    path = str(entry.path.relative_to(directory)) + (f"::{entry.test}" if entry.test else "")
    return path, shlex.join(entry.args)


def _patched(kept: Plan, run: Run, directory: Path) -> Side | None:
    """Return the patched side; as a difference to base where its own source is of this host alone."""
    recipe = kept.patched
    if not recipe or not run.patched:
        return None
    if run.patch and recipe.source and _bound(recipe.source) and recipe.kconfig == kept.base.kconfig:
        name = f"{INPUTS}/{store.named(recipe.name)}.patch"
        (directory / name).write_text(run.patch)
        return Side(name=recipe.name, kernel=name, over_base=True)
    return _side("patched", recipe, run.patched, directory)


def _bound(source: Source) -> bool:
    return not (source.kind == "debian" or (source.kind == "git" and REMOTE.match(source.location)))


def _side(side: str, recipe: Recipe, made: Kernel | BuildFailure, directory: Path) -> Side:
    if not recipe.source:
        return _ready_made(side, recipe, directory)
    commit = made.commit if isinstance(made, Kernel) else ""
    source = replace(recipe.source, rev=commit) if commit else recipe.source
    file = directory / INPUTS / side / f"{store.named(recipe.name)}.yaml"
    file.parent.mkdir(exist_ok=True)
    file.write_text(yaml.safe_dump(_recipe(recipe, source), sort_keys=False))
    in_clone = commit and _bound(source) and not recipe.kconfig
    return Side(
        name=recipe.name,
        kernel=str(file.relative_to(directory)),
        needs=source.location if _bound(source) else "",
        commit=commit if in_clone else "",
        patches=tuple(str(path.relative_to(directory)) for path in recipe.patches),
    )


def _ready_made(side: str, recipe: Recipe, directory: Path) -> Side:
    """Return a kernel that somebody else built: its copy, or where it is on this host."""
    copied = f"{KERNELS}/{side}.bzImage"
    if (directory / copied).exists():
        return Side(name=recipe.name, kernel=copied)
    return Side(name=recipe.name, kernel=str(recipe.bzimage), needs=str(recipe.bzimage))


def _recipe(recipe: Recipe, source: Source) -> dict[str, Any]:
    """Return the fields of a recipe file; its patches stand beside it."""
    made = {
        "source": {source.kind: source.location, **({"rev": source.rev} if source.rev else {})},
        "patches": [path.name for path in recipe.patches],
        "kconfig": list(recipe.kconfig),
        "profiles": list(recipe.profiles),
    }
    return {name: value for name, value in made.items() if value}


# ---- kernels, for where there is no rig


def _keep_kernels(kept: Plan, run: Run, image: Image, directory: Path) -> tuple[str, ...]:
    """Copy kernels and image into `directory`; return QEMU's command line but for these."""
    to = directory / KERNELS
    to.mkdir()
    for side, kernel in (("base", run.base), ("patched", run.patched)):
        if isinstance(kernel, Kernel):
            shutil.copyfile(kernel.bzimage, to / f"{side}.bzImage")
    (to / INITRD).write_bytes(image.path.read_bytes() + alone.archive(_ready(kept), _programs(kept)))
    name: Literal["kvm", "tcg"] = "kvm" if run.environment.accel == "kvm" else "tcg"
    accel = Accel(name=name, reason="", time_scale=1, clock=run.environment.clock)
    cmdline = qemu.cmdline(accel, *kept.profile.cmdline, *kept.shape.cmdline, f"rdinit={alone.INIT}")
    return qemu.by_hand(cmdline=cmdline, shape=kept.shape, accel=accel)


def _ready(kept: Plan) -> list[Workload]:
    return [
        replace(
            workloads.command(
                entry,
                seconds=kept.seconds,
                vcpus=kept.shape.vcpus,
                threads=kept.threads,
                seed=kept.seed,
                time_scale=1,
            ),
            leaks=kept.profile.leaks,
        )
        for entry in kept.workloads
        if not isinstance(entry, Suite)  # which would need the tests built
    ]


def _programs(kept: Plan) -> dict[str, bytes]:
    own = (entry for entry in kept.workloads if isinstance(entry, workloads.Own) and not entry.tests)
    return {entry.path.name: entry.path.read_bytes() for entry in own}
