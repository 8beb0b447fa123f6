"""`rig boot`: a guest to look around in, or to run one command."""

import os
import shlex
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import click

from rig import cache, plan
from rig.cli import live, options, wait_for
from rig.errors import BuildError, RigError
from rig.guest import accel, image, machine
from rig.guest.ending import Ending
from rig.guest.terminal import STDOUT, interact
from rig.kernel import recipe
from rig.kernel.build import build
from rig.model import Kernel, Profile, Recipe, Shape
from rig.progress import Progress

TOLD = 25  # lines of the console that are shown when a guest ends by itself


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What was asked for."""

    recipe: Recipe
    profile: Profile
    shape: Shape
    accel: Literal["auto", "kvm", "tcg"]
    console: Path
    gdb: bool
    command: tuple[str, ...]


@click.command()
@click.argument("kernel", metavar="KERNEL")
@click.argument("command_line", metavar="[-- CMD...]", nargs=-1, type=click.UNPROCESSED)
@click.option(
    "--profile", default="sanitize", show_default=True, metavar="NAME", help="what it is built and booted with"
)
@click.option("--vcpus", type=click.IntRange(1, 16), default=2, show_default=True, help="of the guest")
@click.option("--memory", type=click.IntRange(256), default=1024, show_default=True, metavar="MIB", help="of the guest")
@click.option("--accel", "how", type=click.Choice(["auto", "kvm", "tcg"]), default="auto", show_default=True)
@click.option("--console", type=click.Path(dir_okay=False, path_type=Path), help="keep the kernel's console here")
@click.option("--gdb", is_flag=True, help="halt at power-on and wait for gdb")
@options.tree
@options.quiet
def command(
    kernel: str,
    command_line: tuple[str, ...],
    profile: str,
    vcpus: int,
    memory: int,
    how: Literal["auto", "kvm", "tcg"],
    console: Path | None,
    gdb: bool,
    tree: Path | None,
    quiet: bool,
) -> None:
    """Boot KERNEL and give a shell in the guest, or run CMD there and exit with its status.

    \b
    rig boot patched
    rig boot base -- dmesg
    rig boot arch/x86/boot/bzImage --gdb
    """
    with ExitStack() as stack:
        request = Request(
            recipe=recipe.resolve(kernel, tree=tree),
            profile=plan.profile(profile),
            shape=Shape(vcpus=vcpus, memory_mib=memory),
            accel=how,
            console=console or stack.enter_context(cache.scratch()) / "console.log",
            gdb=gdb,
            command=command_line,
        )
        status = wait_for(_boot(request, stack.enter_context(live.shown(quiet=quiet))))
    sys.exit(status)


async def _boot(request: Request, progress: Progress) -> int:
    chosen = await accel.find(request.accel)
    packed = await image.build(progress)
    built = await build(request.recipe, request.profile, progress)
    if not isinstance(built, Kernel):
        raise BuildError(f"{built.name} does not compile:\n" + "\n".join(built.errors[:10]), hint=f"log: {built.log}")
    progress.note(f"booting {built.name} ({chosen.name}: {chosen.reason})")
    async with machine.boot(
        built,
        profile=request.profile,
        shape=request.shape,
        accel=chosen,
        image=packed,
        console=request.console,
        gdb=request.gdb,
    ) as guest:
        if guest.gdb:
            progress.note(f"gdb {built.vmlinux or ''} -ex 'target remote {guest.gdb}'")
        status = await _use(guest, request.command) if await guest.ready() else None
        ending = await guest.power_off()
    if status is None:
        raise RigError(_told(ending, request.console), hint="--console FILE keeps the whole console")
    return status


async def _use(guest: machine.Guest, command: tuple[str, ...]) -> int | None:
    """Run `command`, or a shell for the user; its status, None if the guest did not live so long."""
    if not command:
        return await interact(guest.shell)
    line = command[0] if len(command) == 1 else shlex.join(command)  # a single word may be a whole pipeline
    ran = await guest.shell.run(line, on_output=_write)
    return ran.status


def _write(output: bytes) -> None:
    while output:
        output = output[os.write(STDOUT, output) :]


def _told(ending: Ending, console: Path) -> str:
    lines = console.read_text(errors="replace").splitlines()[-TOLD:]
    return "\n".join((*lines, f"the guest ended, {ending.end}: {ending.reason}"))
