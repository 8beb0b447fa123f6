"""What `make W=1` says of touched files: warnings, and kernel-doc comments that don't fit, beyond those of any build.

It is made in a build tree of its own beside the normal one. W=1 changes commands, so in one tree each of the two would
undo what the other made.
"""

import hashlib
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path, PurePosixPath

from pydantic import TypeAdapter

from rig import cache
from rig.kernel import build, configure, diagnostics, disk
from rig.kernel.build import Job
from rig.kernel.buildtree import BuildTree
from rig.kernel.faults import raise_host_fault
from rig.kernel.home import checkout, write
from rig.model import CompilerWarning, Profile, Recipe
from rig.progress import Progress

FORMAT = 1  # counts up when the same kernel and files come out differently
MOST_INCLUDERS = 3  # objects made for a header
NEEDS = 0.3  # GiB of disk for the tree
COMMAND = re.compile(r"(?:saved)?cmd_(?P<target>\S+) :=")
NOT_BUILT = "this configuration does not build it"
GONE = "the tree that the kernel was built in has been removed"
NOT_INCLUDED = "nothing that this configuration builds includes it"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtraWarnings:
    """What W=1 says of some files of a kernel."""

    warnings: tuple[CompilerWarning, ...]
    not_built: tuple[tuple[str, str], ...] = ()  # file, why nothing is said of it


WARNINGS = TypeAdapter(ExtraWarnings)


async def extra_warnings(recipe: Recipe, profile: Profile, files: tuple[str, ...], progress: Progress) -> ExtraWarnings:
    """Return what `make W=1` says of those of `files` (paths in the tree) that a kernel, which is built, is made of.

    A header is seen through the nearest objects that include it; a file that the kernel's tree lacks is passed over.
    The source moves to that kernel, so ask for one side's kernel and warnings before the other's. Raises InputError,
    PatchError, HostError, BuildError.
    """
    with disk.watched():
        job = await build.planned(recipe, profile, progress)
        code = await _code(job, files)
        kept = cache.extra_warnings() / f"{_digest(job, code)}.json"
        if not kept.exists():
            async with cache.locked(job.tree.home.lock, progress):
                if not kept.exists():
                    kept.parent.mkdir(parents=True, exist_ok=True)
                    write(kept, WARNINGS.dump_json(await _make(job, code, progress), indent=1).decode())
    kept.touch()  # `rig gc` goes by when it was last used
    return WARNINGS.validate_json(kept.read_bytes())


async def _code(job: Job, files: tuple[str, ...]) -> tuple[str, ...]:
    """Return those of `files` that W=1 has more to say of, and that are there; of assembler it says nothing more."""
    names = sorted({name for name in files if PurePosixPath(name).suffix in (".c", ".h")})
    there = await job.tree.home.repo.git("ls-tree", "--name-only", "-z", job.tree.id, "--", *names) if names else None
    return tuple(there.output.split("\0")[:-1]) if there else ()


def _digest(job: Job, code: tuple[str, ...]) -> str:
    return hashlib.sha256(json.dumps([FORMAT, job.digest, code]).encode()).hexdigest()


async def _make(job: Job, code: tuple[str, ...], progress: Progress) -> ExtraWarnings:
    """Make the objects of `code`, each anew. Hold the source's lock."""
    chosen = {name: tuple(_objects(job, name, code)) for name in code}
    missing = tuple((name, _why_not(job, name)) for name, objects in chosen.items() if not objects)
    wanted = tuple(sorted({each for objects in chosen.values() for each in objects}))
    if not wanted:
        return ExtraWarnings(warnings=(), not_built=missing)
    built = await _ready(job)
    for each in wanted:
        (built.path / each).unlink(missing_ok=True)  # or it would be as it is, and nothing said
    done = await built.make(("W=1", "--keep-going", *wanted), f"W=1 for {job.recipe.name}", progress)
    lines = built.lines()
    raise_host_fault("\n".join(lines) if done.status else "")
    made = {each for each in wanted if (built.path / each).is_file()}
    failed = tuple((name, _failure(lines)) for name, objects in chosen.items() if objects and not made & {*objects})
    return ExtraWarnings(warnings=diagnostics.warnings(lines, str(job.tree.home.tree)), not_built=(*missing, *failed))


async def _ready(job: Job) -> BuildTree:
    built = BuildTree(tree=job.tree, path=job.tree.home.build(f"{job.profile.name}-w1"), tools=job.tools)
    disk.need(NEEDS, job.tree.home.path)
    built.path.mkdir(exist_ok=True)
    await checkout(job.tree)
    await configure.configure(built, job.requests)
    return built


def _why_not(job: Job, name: str) -> str:
    if not job.tree.home.build(job.profile.name).exists():
        return GONE
    return NOT_INCLUDED if name.endswith(".h") else NOT_BUILT


def _failure(lines: list[str]) -> str:
    return next(iter(diagnostics.errors(lines, "")), "make gives no reason")


# ---- which objects


def _objects(job: Job, name: str, code: tuple[str, ...]) -> Iterator[str]:
    """Yield the targets of those objects of the normal build that say something of a file."""
    built = job.tree.home.build(job.profile.name)
    if not name.endswith(".h"):
        source = built / name
        yield from _target(built, source.with_name(f".{source.stem}.o.cmd"))
        return
    for place in _places(name, code):
        commands = _mentioning(built / place, f" {job.tree.home.tree / name} ")
        found = (target for command in commands for target in _target(built, command))
        if nearest := tuple(islice(found, MOST_INCLUDERS)):
            yield from nearest
            return


def _target(built: Path, command: Path) -> Iterator[str]:
    """Yield what kbuild calls the object whose command is kept in a file, if there is one.

    KVM's generic part goes by arch/x86/kvm/../../../virt/kvm/kvm_main.o, and by no other name.
    """
    made = command.with_name(command.name.removeprefix(".").removesuffix(".cmd"))
    named = COMMAND.match(command.read_text(errors="replace")) if made.is_file() and command.is_file() else None
    if named and Path(os.path.normpath(built / named["target"])) == made:
        yield named["target"]


def _places(header: str, code: tuple[str, ...]) -> tuple[str, ...]:
    """Return the directories to look for what includes a header in, nearest first: its own, those touched, all."""
    return tuple(dict.fromkeys((*(str(PurePosixPath(name).parent) for name in (header, *code)), ".")))


def _mentioning(directory: Path, text: str) -> Iterator[Path]:
    """Yield the commands below `directory` that `text` is in, those highest up first."""
    for command in sorted(directory.rglob(".*.o.cmd"), key=lambda path: (len(path.parts), path)):
        if text in command.read_text(errors="replace"):
            yield command
