"""What can't be avoided: make by itself, and QEMU by itself."""

import asyncio
import os
import shutil
import time
from pathlib import Path

from rig import cache, proc
from rig.guest import qemu
from rig.kernel.buildtree import FIXED
from rig.model import Accel, Image, Kernel, Profile, Shape


async def make(tree: Path, build: Path) -> float:
    """Run `make` in `tree` into `build`, which holds a .config, and return its seconds. No compiler cache."""
    jobs = len(os.sched_getaffinity(0)) + 1
    done = await proc.run(("make", "-C", tree, f"O={build}", *FIXED, f"-j{jobs}", "bzImage", "vmlinux"))
    return done.seconds


async def copy(tree: Path, to: Path) -> None:
    """Copy a source tree with its times."""
    await proc.run(("cp", "--archive", "--reflink=auto", f"{tree}/.", to))


def become(tree: Path, other: Path) -> int:
    """Change the files of `tree` that differ in `other`, as a developer's patch would; return how many."""
    changed = 0
    for path in (other / "arch/x86/kvm").rglob("*.[ch]"):
        mine = tree / path.relative_to(other)
        if mine.read_bytes() != path.read_bytes():
            shutil.copyfile(path, mine)
            changed += 1
    return changed


async def boot(kernel: Kernel, profile: Profile, shape: Shape, accel: Accel, image: Image) -> float:
    """Boot bare QEMU with the rig's guest and return the seconds until its init says so on the console."""
    with cache.scratch() as work:
        console = work / "console"
        met: asyncio.Future[float] = asyncio.get_running_loop().create_future()

        async def read(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
            async for line in reader:
                if b"rig: init" in line and not met.done():
                    met.set_result(time.monotonic())

        sockets = qemu.Sockets(monitor=work / "monitor", console=console)
        argv = qemu.argv(
            kernel=kernel.bzimage,
            initrd=image.path,
            cmdline=qemu.cmdline(accel, *profile.cmdline),
            shape=shape,
            accel=accel,
            sockets=sockets,
        )
        async with (
            await asyncio.start_unix_server(read, console),
            await asyncio.start_unix_server(_ignore, sockets.monitor),
        ):
            began = time.monotonic()
            async with proc.spawn(argv):
                return await asyncio.wait_for(met, 300) - began


async def _ignore(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await reader.read()
