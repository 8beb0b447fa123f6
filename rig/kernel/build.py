"""From a recipe and a profile to a kernel: found by its digest, else built incrementally."""

import hashlib
import shutil
from pathlib import Path

from rig import cache, paths, proc
from rig.errors import BuildError, InputError
from rig.kernel import artifact, configure, diagnostics, disk, source, toolchain
from rig.kernel.buildtree import BuildTree
from rig.kernel.faults import raise_host_fault
from rig.kernel.kconfig import Request
from rig.model import BuildFailure, Kernel, Profile, Recipe
from rig.progress import Progress

ARCH = "x86_64"
TARGETS = ("bzImage", "vmlinux")
FIRST_BUILD, NEXT_BUILD = 3.0, 1.0  # GiB of disk


async def build(recipe: Recipe, profile: Profile, progress: Progress) -> Kernel | BuildFailure:
    """Return the kernel of `recipe` under `profile`, built if it never was.

    A kernel that does not compile is a BuildFailure. Raises InputError, PatchError, HostError, and BuildError for a
    configuration that can't be had.
    """
    if recipe.bzimage:
        return artifact.ready(recipe.name, profile.name, recipe.bzimage)
    if not recipe.source:
        raise InputError(f"{recipe.name}: the recipe has no source")
    with disk.watched():
        requests = configure.requested(recipe, profile)
        tools = await toolchain.detect()
        tree = await source.find(recipe.source, recipe.patches, progress)
        digest = artifact.digest(tree.id, ARCH, tools.version, *(request.line for request in requests))
        found = artifact.find(digest, name=recipe.name, profile=profile.name)
        if found:
            return found
        async with cache.locked(tree.home.lock, progress):
            built = BuildTree(tree=tree, path=tree.home.build(profile.name), tools=tools)
            found = artifact.find(digest, name=recipe.name, profile=profile.name)  # by another rig, meanwhile
            return found or await _build(recipe, profile, built, requests, digest, progress)


async def _build(
    recipe: Recipe, profile: Profile, built: BuildTree, requests: tuple[Request, ...], digest: str, progress: Progress
) -> Kernel | BuildFailure:
    disk.need(NEXT_BUILD if built.path.exists() else FIRST_BUILD, built.tree.home.path)
    built.path.mkdir(exist_ok=True)
    await source.checkout(built.tree)
    await configure.configure(built, requests)
    done = await built.make(TARGETS, f"building {recipe.name} ({profile.name})", progress)
    if done.status:
        return _failure(recipe, profile, built, digest, done)
    return artifact.publish(_kernel(recipe, profile, built, digest, done.seconds), built.path)


def _kernel(recipe: Recipe, profile: Profile, built: BuildTree, digest: str, seconds: float) -> Kernel:
    bzimage = built.path / "arch/x86/boot/bzImage"
    return Kernel(
        name=recipe.name,
        profile=profile.name,
        digest=digest,
        release=artifact.release(bzimage.read_bytes(), bzimage),
        bzimage=bzimage,
        tree=built.tree.id,
        config_digest=hashlib.sha256(built.config.read_bytes()).hexdigest(),
        compiler=built.tools.version,
        warnings=diagnostics.warnings(built.lines(), str(built.tree.home.tree)),
        seconds=seconds,
    )


def _failure(recipe: Recipe, profile: Profile, built: BuildTree, digest: str, done: proc.Done) -> BuildFailure:
    """Keep the log of a build that failed; raises HostError if the kernel is not to blame, BuildError if make died."""
    log = _failures() / f"{digest}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(built.log, log)
    lines = built.lines()
    raise_host_fault("\n".join(lines))
    errors = diagnostics.errors(lines, str(built.tree.home.tree))
    if not errors:
        raise BuildError(f"make ended with status {done.status} and no reason", hint=f"its log is {log}")
    return BuildFailure(name=recipe.name, profile=profile.name, errors=errors, log=log, seconds=done.seconds)


def _failures() -> Path:
    return paths.cache() / "failures"
