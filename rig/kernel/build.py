"""From a recipe and a profile to a kernel: found by its digest, else built incrementally."""

import hashlib
import shutil
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from rig import cache, paths, proc
from rig.errors import BuildError, InputError, PatchError
from rig.kernel import artifact, configure, diagnostics, disk, gcov, sandbox, source, toolchain
from rig.kernel.buildtree import BuildTree
from rig.kernel.faults import raise_host_fault
from rig.kernel.home import Tree, checkout
from rig.kernel.kconfig import Request
from rig.kernel.toolchain import Toolchain
from rig.model import BuildFailure, Building, Kernel, Profile, Recipe
from rig.progress import Progress

ARCH = "x86_64"
TARGETS = ("bzImage", "vmlinux")
FIRST_BUILD, NEXT_BUILD = 3.0, 1.0  # GiB of disk


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A kernel to be built: what of, and the digest of all that."""

    recipe: Recipe
    profile: Profile
    requests: tuple[Request, ...]
    tree: Tree
    tools: Toolchain
    digest: str
    counting: gcov.Counting | None = None  # which of its objects are to count what runs; None for an ordinary kernel

    @property
    def path(self) -> Path:
        """Return the build tree."""
        name = self.profile.name
        return gcov.directory(self.tree, name) if self.counting else self.tree.home.build(name)

    @property
    def made_of(self) -> tuple[str, ...]:
        """Return what an ordinary kernel's digest is of."""
        return self.tree.id, ARCH, self.tools.version, *(request.line for request in self.requests)

    def find(self) -> Kernel | None:
        """Return the kernel if it was ever built."""
        found = artifact.find(self.digest, name=self.recipe.name, profile=self.profile.name)
        return found and self.told(found)

    def told(self, kernel: Kernel) -> Kernel:
        """Return `kernel` with where it comes from: the same tree can be come by in several ways."""
        return replace(kernel, source=self.recipe.source, commit=self.tree.commit, patches=self.tree.patches)


async def build(recipe: Recipe, profile: Profile, progress: Progress) -> Kernel | BuildFailure:
    """Return the kernel of `recipe` under `profile`, built if it never was.

    A kernel that does not compile is a BuildFailure. Raises InputError, PatchError, HostError, and BuildError for a
    configuration that can't be had.
    """
    if recipe.bzimage:
        return artifact.ready(recipe.name, profile.name, recipe.bzimage)
    with disk.watched():
        job = await planned(recipe, profile, progress)
        if found := job.find():
            return found
        async with cache.locked(job.tree.home.lock, progress):
            return job.find() or await _build(job, progress)  # another rig may have built it meanwhile


async def build_counting(
    recipe: Recipe, profile: Profile, touched: gcov.Touched, progress: Progress
) -> Kernel | BuildFailure:
    """Return the kernel of `recipe` that counts which lines of `touched` run, built if it never was.

    `profile` asks for gcov. The build tree is that of others: only what counts is made anew. Raises like `build`.
    """
    if recipe.bzimage:
        raise InputError(f"{recipe.name}: a built kernel can't be made to count what runs", hint="name its source")
    with disk.watched():
        job = await planned(recipe, profile, progress)
        async with cache.locked(job.tree.home.lock, progress):
            counting = await gcov.counting(job.tree, job.tree.home.build(profile.name), touched)
            digest = artifact.digest(*job.made_of, *counting.variables, *sorted(touched))
            job = replace(job, counting=counting, digest=digest)
            return job.find() or await _build(job, progress)


async def foreseen(recipe: Recipe, profile: Profile, progress: Progress) -> Building:
    """Return what building would come to; raises as `build` does, but no PatchError: that is for later."""
    if recipe.bzimage or not recipe.source:
        return "there"
    with suppress(PatchError):
        if (await planned(recipe, profile, progress)).find():
            return "there"
    home = (await source.find(recipe.source, (), progress)).home
    return "next" if home.build(profile.name).exists() else "first"


async def planned(recipe: Recipe, profile: Profile, progress: Progress) -> Job:
    """Return what is to be built for `recipe` under `profile`; raises InputError, PatchError, HostError."""
    if not recipe.source:
        raise InputError(f"{recipe.name}: the recipe has no source")
    requests = configure.requested(recipe, profile)
    tools = await toolchain.detect()
    tree = await source.find(recipe.source, recipe.patches, progress)
    job = Job(recipe=recipe, profile=profile, requests=requests, tree=tree, tools=tools, digest="")
    return replace(job, digest=artifact.digest(*job.made_of))


async def _build(job: Job, progress: Progress) -> Kernel | BuildFailure:
    """Build incrementally in the build tree of source and profile. Hold the source's lock."""
    variables = job.counting.variables if job.counting else ()
    built = BuildTree(tree=job.tree, path=job.path, tools=job.tools, variables=variables)
    disk.need(NEXT_BUILD if built.path.exists() else FIRST_BUILD, job.tree.home.path)
    built.path.mkdir(exist_ok=True)
    await checkout(job.tree)
    await configure.configure(built, job.requests)
    done = await built.make(TARGETS, f"building {job.recipe.name} ({job.profile.name})", progress)
    if done.status:
        return _failure(job, built, done)
    return job.told(artifact.publish(_kernel(job, built, done), built, job.counting))


def _kernel(job: Job, built: BuildTree, done: proc.Done) -> Kernel:
    bzimage = built.made(artifact.BZIMAGE)
    return Kernel(
        name=job.recipe.name,
        profile=job.profile.name,
        digest=job.digest,
        release=artifact.release(bzimage.read_bytes(), bzimage),
        bzimage=bzimage,
        tree=job.tree.id,
        config_digest=hashlib.sha256(built.made(".config").read_bytes()).hexdigest(),
        compiler=job.tools.version,
        warnings=diagnostics.warnings(built.lines(), str(job.tree.home.tree)),
        seconds=done.seconds,
    )


def _failure(job: Job, built: BuildTree, done: proc.Done) -> BuildFailure:
    """Keep the log of a build that failed; raises HostError if the kernel is not to blame, BuildError if unknown."""
    log = _failures() / f"{job.digest}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(built.log, log)
    lines = built.lines()
    raise_host_fault("\n".join(lines))
    errors = diagnostics.errors(lines, str(job.tree.home.tree))
    if not errors:
        raise BuildError(f"make ended with status {done.status} and no reason", hint=f"its log is {log}")
    if built.tools.sandbox.bwrap and sandbox.refused(lines):
        errors = (*errors, sandbox.RULES)
    return BuildFailure(
        name=job.recipe.name,
        profile=job.profile.name,
        errors=errors,
        log=log,
        seconds=done.seconds,
        tree=job.tree.id,
    )


def _failures() -> Path:
    return paths.cache() / "failures"
