"""The configuration of a build tree: what was asked for over tinyconfig, and nothing of it silently dropped."""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

from rig.errors import BuildError, InputError
from rig.kernel import kconfig
from rig.kernel.buildtree import BuildTree
from rig.kernel.faults import raise_host_fault
from rig.kernel.kconfig import Dropped, Request
from rig.model import Profile, Recipe

DEFINES = r"^[[:space:]]*((menu)?config|select)[[:space:]]+%s([[:space:]]|$)"


def requested(recipe: Recipe, profile: Profile) -> tuple[Request, ...]:
    """Return what profile and recipe ask for, the recipe last; raises InputError for a line that asks for nothing."""
    try:
        fragments = [kconfig.parse(_lines(path), str(path)) for path in profile.fragments]
        extra = kconfig.parse(recipe.kconfig, f"recipe {recipe.name}, kconfig")
    except ValueError as error:
        raise InputError(str(error), hint='lines are "CONFIG_FOO=y" or "# CONFIG_FOO is not set"') from error
    return kconfig.merge((*(request for fragment in fragments for request in fragment), *extra))


def _lines(path: Path) -> Iterable[str]:
    try:
        return path.read_text().splitlines()
    except OSError as error:
        raise InputError(f"{path}: can't be read: {error.strerror}") from error


async def configure(built: BuildTree, requests: tuple[Request, ...]) -> None:
    """Bring .config to tinyconfig with `requests` over it; raises BuildError if one of them is dropped.

    Does nothing when neither they, the toolchain nor anything in the tree that matters to Kconfig has changed.
    """
    wanted = {
        "requests": [request.line for request in requests],
        "tools": [built.tools.version, *built.tools.variables],
    }
    if await _unchanged(built, wanted):
        return
    built.stamp.unlink(missing_ok=True)
    await _make(built, "tinyconfig")
    tiny = kconfig.parse(_lines(built.config), "tinyconfig")
    built.config.unlink()
    with built.config.open("x") as config:  # through no link
        config.writelines(f"{each.line}\n" for each in kconfig.merge((*tiny, *requests)))
    await _make(built, "olddefconfig")
    if lost := kconfig.dropped(requests, built.config.read_text()):
        raise BuildError(await _complaint(built, lost), hint="drop the line, or turn on what it depends on")
    built.stamp.write_text(json.dumps({"tree": built.tree.id, "wanted": wanted, "config": _digest(built)}))


async def _unchanged(built: BuildTree, wanted: object) -> bool:
    if not built.stamp.exists() or built.config.is_symlink() or not built.config.is_file():
        return False
    last = json.loads(built.stamp.read_text())
    if last["wanted"] != wanted or last.get("config") != _digest(built):  # a Makefile may have changed it
        return False
    return not await _kconfig_differs(built, last["tree"])


def _digest(built: BuildTree) -> str:
    return hashlib.sha256(built.made(".config").read_bytes()).hexdigest()


async def _kconfig_differs(built: BuildTree, since: str) -> bool:
    words = ("diff-tree", "-r", "--name-only", since, built.tree.id)
    done = await built.tree.home.repo.git(*words, check=False)
    return bool(done.status) or any(_matters(name) for name in done.output.splitlines())


def _matters(name: str) -> bool:
    """Say whether a file of the tree can change what a configuration comes out as."""
    return "Kconfig" in name or name.endswith(".config") or name.startswith("scripts/")


async def _make(built: BuildTree, target: str) -> None:
    done = await built.configure(target)
    if done.status:
        raise_host_fault(done.output)
        raise BuildError(f"make {target} failed:\n{done.output.strip()[-2000:]}")
    built.made(".config")


async def _complaint(built: BuildTree, lost: tuple[Dropped, ...]) -> str:
    """Say for each dropped symbol who asked for it, what came out, and why."""
    config = built.config.read_text()
    lines = []
    for drop in lost:
        asked = drop.request
        why = kconfig.why(drop, await _mentioning(built, asked.symbol), config)
        lines.append(f"{asked.origin}: CONFIG_{asked.symbol}={asked.value} came out as {drop.got}: {why}")
    return "\n".join(lines)


async def _mentioning(built: BuildTree, symbol: str) -> dict[str, str]:
    """Return the Kconfig files of the tree that define or select a symbol, by name."""
    words = ("grep", "-lE", "-e", DEFINES % symbol, built.tree.id, "--", "*Kconfig*")
    found = await built.tree.home.repo.git(*words, check=False)
    names = [line.partition(":")[2] for line in found.output.splitlines()]
    return {name: (built.tree.home.tree / name).read_text(errors="replace") for name in names}
