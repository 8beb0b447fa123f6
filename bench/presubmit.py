"""Bench (g): a second `rig presubmit`, after one file of KVM was amended, until a guest of it is up."""

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from bench import floor
from rig import paths, plan
from rig.experiment import Overrides
from rig.guest import accel, image
from rig.kernel import source
from rig.kernel.build import build
from rig.kernel.buildtree import BuildTree
from rig.kernel.home import Tree, checkout
from rig.kernel.recipe import resolve
from rig.kernel.toolchain import detect, jobs
from rig.model import Kernel
from rig.progress import Silent

Say = Callable[[str, float, float, str], None]
FILE = "arch/x86/kvm/mmu/tdp_mmu.c"
PLACE = "void kvm_tdp_mmu_invalidate_all_roots(struct kvm *kvm)\n{\n\tstruct kvm_mmu_page *root;\n"
START = "start"  # the tag that the series begins at
LIMIT = 3600.0  # seconds; the first check builds two kernels from nothing
UP = b"rig: init"  # what the guest's init says first


def measure(say: Say, repeats: int) -> None:
    """Print (g), in a cache of its own."""
    paths.cache().mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="rig-bench-", dir=paths.cache()) as name:
        os.environ.update({"XDG_CACHE_HOME": name, "XDG_STATE_HOME": f"{name}/state"})
        repository = asyncio.run(_repository(Path(name) / "linux"))
        _amend(repository, 1)
        _first_boot(repository)
        taken, least = zip(*[_turn(repository, 2 * number) for number in range(1, repeats + 1)], strict=True)
        ratio, how = min(taken) / min(least), f"{min(taken):.0f} s / {min(least):.0f} s"
        say("(g) amended file to first boot / make and bare boot", ratio, 1.30, how)
        del os.environ["XDG_CACHE_HOME"], os.environ["XDG_STATE_HOME"]


def _turn(repository: Path, number: int) -> tuple[float, float]:
    """Amend twice; return the seconds to the first boot by the rig, and by make and QEMU alone."""
    _amend(repository, number)
    taken = _first_boot(repository)
    _amend(repository, number + 1)
    return taken, asyncio.run(_bare(repository))


async def _repository(directory: Path) -> Path:
    """Return a git repository of a developer with one commit over Debian's kernel."""
    recipe = plan.make("patched", None, overrides=Overrides()).base
    assert recipe.source
    found = await source.find(recipe.source, recipe.patches, Silent())
    await checkout(found)
    await floor.copy(found.home.tree, directory)
    shutil.rmtree(found.home.tree)
    for words in (("init", "--quiet", "--initial-branch=main"), ("add", "--all"), ("commit", "--quiet", "-m", "base")):
        _git(directory, *words)
    _git(directory, "tag", START)
    _git(directory, "commit", "--quiet", "--allow-empty", "-m", "KVM: x86/mmu: Be sure")
    return directory


def _git(directory: Path, *words: str) -> None:
    identity = ("-c", "user.name=bench", "-c", "user.email=bench@example.org", "-c", "gc.auto=0")
    subprocess.run(("git", *identity, "-C", directory, *words), check=True, stdout=subprocess.DEVNULL)


def _amend(repository: Path, number: int) -> None:
    """Have the last commit put another line of code into FILE."""
    _git(repository, "checkout", "--quiet", START, "--", FILE)
    path = repository / FILE
    text = path.read_text()
    assert PLACE in text
    path.write_text(text.replace(PLACE, f"{PLACE}\n\tWARN_ON_ONCE((unsigned long)kvm == {number});\n"))
    _git(repository, "commit", "--quiet", "--all", "--amend", "--no-edit", "--signoff")


def _first_boot(repository: Path) -> float:
    """Run `rig presubmit` until its first guest is up, end it, and return the seconds."""
    before = set(paths.runs().rglob("console*"))
    argv = (sys.executable, "-m", "rig", "presubmit", "--tree", repository, "--base", START, "--quiet")
    began = time.monotonic()
    with psutil.Popen(argv, stdout=sys.stderr) as process:
        while not _up(before):
            if process.poll() is not None or time.monotonic() - began > LIMIT:
                sys.exit(f"rig presubmit booted no guest, and ended with status {process.poll()}")
            time.sleep(0.05)
        taken = time.monotonic() - began
        process.terminate()
    return taken


def _up(before: set[Path]) -> bool:
    return any(UP in path.read_bytes() for path in paths.runs().rglob("console*") if path not in before)


async def _bare(repository: Path) -> float:
    """Return the seconds of plain make, incremental in the same build tree, and of bare QEMU to init."""
    a_plan = plan.make("HEAD", None, overrides=Overrides(), tree=repository)
    assert a_plan.base.source
    found = await source.find(a_plan.base.source, (), Silent())
    await checkout(found)
    made = await _make(found, found.home.build(a_plan.profile.name))
    kernel = await build(resolve("HEAD", tree=repository), a_plan.profile, Silent())
    assert isinstance(kernel, Kernel)
    how = await accel.find("auto")
    return made + await floor.boot(kernel, a_plan.profile, a_plan.shape, how, await image.build(Silent()))


async def _make(tree: Tree, path: Path) -> float:
    """Run make as a developer does in a tree that is built: no sandbox, and what was amended is in no cache."""
    built = BuildTree(tree=tree, path=path, tools=await detect())
    argv = built.command(f"-j{jobs()}", "bzImage", "vmlinux")
    began = time.monotonic()
    await asyncio.to_thread(
        subprocess.run, argv, check=True, env={**os.environ, **built.env}, stdout=subprocess.DEVNULL
    )
    return time.monotonic() - began
