"""What this host has and lacks for the rig, found out by trying."""

import re
import shutil
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

from rig import paths, proc
from rig.errors import RigError
from rig.guest import accel, qemu
from rig.kernel import sandbox, toolchain

SOURCE = Path("/usr/src/linux-source-6.1.tar.xz")
DISK_GIB = 10  # a source tree with its history, one build tree, a few kernels
MEMORY_GIB = 3  # linking with debug info, or one guest


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that was looked at. `fix` says what to do when it is not `ok`."""

    name: str
    ok: bool
    detail: str
    fix: str = ""


async def examine() -> tuple[Check, ...]:
    """Return all checks, in the order in which their fixes should be applied."""
    return tuple([await _tried(name, check) for name, check in CHECKS.items()])


async def _tried(name: str, check: Callable[[str], Awaitable[Check]]) -> Check:
    try:
        return await check(name)
    except RigError as error:
        return Check(name=name, ok=False, detail=str(error).splitlines()[0], fix=error.hint or "run `make setup`")


def packages() -> tuple[str, ...]:
    """Return the Debian packages of packages.txt, without those for the tests alone."""
    text = (paths.project() / "packages.txt").read_text()
    lines = text.partition("\n# for the tests alone\n")[0].splitlines()
    return tuple(name for line in lines if (name := line.partition("#")[0].strip()))


async def _packages(name: str) -> Check:
    wanted = packages()
    if not shutil.which("dpkg-query"):
        return Check(name=name, ok=True, detail="not a Debian system; see packages.txt for what is needed")
    form = "${Package} ${db:Status-Status}\n"
    done = await proc.run(("dpkg-query", f"--showformat={form}", "--show", *wanted), check=False)
    there = set(re.findall(r"^(\S+) installed$", done.output, re.MULTILINE))
    missing = [package for package in wanted if package not in there]
    detail = f"missing: {' '.join(missing)}" if missing else f"all {len(wanted)} installed"
    return Check(name=name, ok=not missing, detail=detail, fix=f"apt-get install {' '.join(missing)}")


async def _qemu(name: str) -> Check:
    return Check(name=name, ok=True, detail=await qemu.version())


async def _accel(name: str) -> Check:
    found = await accel.find("auto")
    fix = "on a bare-metal host with /dev/kvm and nested=1, trials run many times faster"
    return Check(name=name, ok=True, detail=f"{found.name}: {found.reason}", fix=fix if found.name == "tcg" else "")


async def _toolchain(name: str) -> Check:
    return Check(name=name, ok=True, detail=(await toolchain.detect()).version)


async def _sandbox(name: str) -> Check:
    found = await sandbox.find(toolchain.NEEDED)
    switched_off = found.why_not.startswith(sandbox.SWITCH)
    detail = f"none for builds: {found.why_not}" if found.why_not else "builds run without network, home and root"
    return Check(name=name, ok=not found.why_not or switched_off, detail=detail, fix=sandbox.FIX)


async def _source(name: str) -> Check:
    fix = "apt-get install linux-source-6.1, or name another source in the recipe"
    return Check(name=name, ok=SOURCE.is_file(), detail=str(SOURCE), fix=fix)


async def _disk(name: str) -> Check:
    place = next(path for path in (paths.cache(), *paths.cache().parents) if path.exists())
    free = shutil.disk_usage(place).free / 2**30
    fix = f"free some space, `rig gc`, or set XDG_CACHE_HOME to a disk with {DISK_GIB} GiB"
    return Check(name=name, ok=free >= DISK_GIB, detail=f"{free:.0f} GiB free for {paths.cache()}", fix=fix)


async def _memory(name: str) -> Check:
    free = psutil.virtual_memory().available / 2**30
    fix = f"the rig wants {MEMORY_GIB} GiB: close something, or use `--memory 512 --jobs 1`"
    return Check(name=name, ok=free >= MEMORY_GIB, detail=f"{free:.1f} GiB available", fix=fix)


CHECKS: dict[str, Callable[[str], Awaitable[Check]]] = {
    "packages": _packages,
    "qemu": _qemu,
    "acceleration": _accel,
    "toolchain": _toolchain,
    "sandbox": _sandbox,
    "kernel source": _source,
    "disk": _disk,
    "memory": _memory,
}
