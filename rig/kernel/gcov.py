"""Kernels that count which of their lines run: gcov in the objects that a series touches, and in no others.

Kbuild's switch for profiling everything is answered object by object, by a variable on make's command line. So whatever
a Makefile keeps out of gcov stays out, and two objects of one file name are two objects.
"""

import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from rig import proc
from rig.kernel import trees
from rig.kernel.buildtree import BuildTree
from rig.kernel.home import Tree
from rig.model import Gcov

NOTES = "notes"  # in an artifact
MOST_FOR_HEADERS = 6  # objects counted beyond those of the touched sources
# Two processors that count at once must not lose a count: gcov works out from some counters what others would say.
FLAGS = ("-fprofile-arcs", "-ftest-coverage", "-fno-tree-loop-im", "-fprofile-update=prefer-atomic")
# What runs before counters are put in and leaves no code, so nothing to count, of lines such as "return -EINVAL;". Each
# has a later turn in which it does the same, with the counters there.
EARLY = tuple(f"-fdisable-tree-{name}" for name in ("ccp1", "forwprop1", "fre1", "evrp"))
SHARED = "CONFIG_CONSTRUCTORS=y"
PLAIN = re.compile(r"[\w./+-]+")  # of names that make is told: a build can leave files of any name
OBJTOOL = re.compile(r"^objtool-args\s*:?=\s*((?:.*\\\n)*.*)$", re.MULTILINE)
ASSEMBLY = (".S", ".s")
SOURCES = (".c", ".h")
HOST_TOOLS = ("scripts/", "tools/")

Touched = Mapping[str, frozenset[str]]  # the functions that a series changes, by file relative to the source tree


@dataclass(frozen=True, slots=True, kw_only=True)
class Counting:
    """What is to count, of which touched files, and how make is told."""

    touched: Touched
    objects: tuple[str, ...]  # relative to the build tree
    variables: tuple[str, ...]  # for make's command line


@dataclass(frozen=True, slots=True, kw_only=True)
class _Compiled:
    """An object of a build tree: how it was made, and of what, as kbuild wrote it down."""

    name: str
    command: str

    def includes(self, file: str) -> bool:
        """Say whether a file of the source tree went into it."""
        return f"/{file} " in self.command or f"/{file}\n" in self.command


def directory(tree: Tree, profile: str) -> Path:
    """Return the build tree for counting kernels: that of the profile, wherever switching there and back costs little.

    Gcov selects CONSTRUCTORS, on which two thirds of all objects depend; KASAN has selected it already.
    """
    plain = tree.home.build(profile)
    config = plain / ".config"
    if config.exists() and SHARED in config.read_text().splitlines():
        return plain
    return tree.home.build(f"{profile}-coverage")


async def counting(tree: Tree, plain: Path, touched: Touched) -> Counting:
    """Return what has to count for `touched` to be measured, going by what was built in `plain`. Hold the lock.

    That is the objects of touched sources, and the nearest of those that touched headers are included in.
    """
    built = list(_compiled(plain))
    own = {name for file in touched if (name := _object(file))}
    included = [file for file in touched if file.endswith(SOURCES) and _object(file) not in _names(built)]
    more = await _nearest(tree, [each for each in built if each.name not in own], included, touched)
    objects = tuple(sorted(own.union(more)))
    makefiles = [await trees.text(tree.id, f"scripts/Makefile.{name}") for name in ("lib", "vmlinux_o")]
    flags = (*FLAGS, *(EARLY if await _accepted(EARLY) else ()))
    return Counting(touched=touched, objects=objects, variables=variables(objects, flags, *makefiles))


async def _accepted(flags: tuple[str, ...]) -> bool:
    """Say whether the compiler knows `flags`: names of its passes change with its versions."""
    empty = ("-x", "c", "-c", "/dev/null", "-o", "/dev/null")
    return not (await proc.run(("gcc", "-O2", *flags, *empty), check=False)).status


def variables(
    objects: tuple[str, ...], flags: tuple[str, ...] = FLAGS, lib: str = "", vmlinux_o: str = ""
) -> tuple[str, ...]:
    """Return what tells make to have `objects` count; `lib` and `vmlinux_o` are those Makefiles of kbuild's.

    With gcov, kbuild has objtool go easy on all objects, so all of them would be made anew; here on `objects` only.
    """
    patterns = " ".join(f"{name} %/../{name}" for name in objects)  # arch/x86/kvm/../../../virt/kvm/kvm_main.o
    counts = f"$(filter {patterns},$@)"
    found = [f"CONFIG_GCOV_PROFILE_ALL=$(if {counts},y)", f"CFLAGS_GCOV={' '.join(flags)}"]
    easy, (usual, last) = "--no-unreachable", (_definition(text) for text in (lib, vmlinux_o))
    if usual and last:
        each = f"$(filter-out {easy},{usual}) $(if {counts},{easy})"
        found.append(f"objtool-args=$(if $(filter-out vmlinux.o,$@),{each},{last})")
    return tuple(found)


def _definition(makefile: str) -> str:
    found = OBJTOOL.search(makefile)
    return " ".join(found[1].replace("\\\n", " ").split()) if found else ""


def _object(file: str) -> str:
    """Return the object that a source is compiled to, "" for what is not compiled by itself."""
    return f"{file.removesuffix('.c')}.o" if file.endswith(".c") else ""


def _names(built: Iterable[_Compiled]) -> frozenset[str]:
    return frozenset(each.name for each in built)


def _compiled(build: Path) -> Iterator[_Compiled]:
    for path in build.rglob(".*.o.cmd"):
        name = str(path.relative_to(build).with_name(path.name.removeprefix(".").removesuffix(".cmd")))
        if PLAIN.fullmatch(name) and not name.startswith(HOST_TOOLS) and path.is_file() and not path.is_symlink():
            yield _Compiled(name=name, command=path.read_text(errors="replace"))


async def _nearest(tree: Tree, built: list[_Compiled], files: list[str], touched: Touched) -> list[str]:
    """Return the objects to count `files` in: first those that use what is changed there, then the nearest."""
    near: dict[str, tuple[bool, int, str]] = {}
    for file in files:
        names = [each.name for each in built if each.includes(file)]
        using = await _using(tree, names, touched[file])
        for name in names:
            rank = (name not in using, -_shared(name, touched), name)
            near[name] = min(rank, near.get(name, rank))
    return sorted(near, key=lambda name: near[name])[:MOST_FOR_HEADERS]


async def _using(tree: Tree, objects: list[str], functions: frozenset[str]) -> frozenset[str]:
    """Return the objects whose sources mention one of `functions`."""
    if not (objects and functions):
        return frozenset()
    words = (*(word for name in sorted(functions) for word in ("-e", name)), tree.id, "--")
    sources = (f"{name.removesuffix('.o')}.c" for name in objects)
    found = await tree.home.repo.git("grep", "-lwF", *words, *sources, check=False)
    return frozenset(_object(line.partition(":")[2]) for line in found.output.splitlines())


def _shared(name: str, touched: Touched) -> int:
    """Return how many directories an object has in common with the nearest of the touched files."""
    return max(len(PurePosixPath(os.path.commonpath((name, file))).parts) for file in touched)


# ---- once it is built


def keep(built: BuildTree, wanted: Counting, to: Path) -> Gcov:
    """Copy the notes of the objects that do count from a build tree, and say what is not measured."""
    there = {each.name: each for each in _compiled(built.path)}
    count = {name: there[name] for name in wanted.objects if name in there and FLAGS[0] in there[name].command.split()}
    for name in count:
        note = Path(name).with_suffix(".gcno")
        (to / NOTES / note).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(built.made(str(note)), to / NOTES / note)
    told = ((file, _why_not(file, count, there)) for file in wanted.touched)
    return Gcov(notes=to / NOTES, unmeasured=tuple((file, why) for file, why in told if why))


def _why_not(file: str, count: Mapping[str, _Compiled], built: Mapping[str, _Compiled]) -> str:
    """Return why nothing is known of the lines of a file; "" if it is measured."""
    own = _object(file)
    if file.endswith(ASSEMBLY):
        return "assembly: gcov counts C only"
    if not file.endswith(SOURCES):
        return "no C source"
    if own in count or any(each.includes(file) for each in count.values()):
        return ""
    if own in built:
        return "its Makefile keeps it out of gcov"
    return "not built with this configuration" if own else "nothing that is built with this configuration includes it"
