"""`python -m tests.reports.record [NAME…]` boots kernels that misbehave and keeps what their consoles said.

Consoles go to golden/NAME.log; `pytest tests/reports --update-golden` then writes what is read in them.
"""

import asyncio
import re
import shutil
import sys
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from qemu.qmp import QMPError

from rig import cache, plan
from rig.cli import live, wait_for
from rig.errors import BuildError
from rig.guest import accel, image, machine
from rig.guest.console import Pulse
from rig.guest.machine import Guest
from rig.guest.shell import ShellError
from rig.kernel import recipe
from rig.kernel.build import build
from rig.model import Accel, Image, Kernel, Profile, Shape
from rig.progress import Progress
from tests.reports.record.recordings import LOUD, QUIET_BOOT, RECORDINGS, Recording

HERE = Path(__file__).parent
GOLDEN = HERE.parent / "golden"
FAILED = Path(tempfile.gettempdir())
LIMIT = 120.0  # seconds for a console to say what it is recorded for
SILENCE = 3.0  # seconds that end a recording once that is said
LOOK = 0.2  # seconds between looks at a console


def main() -> None:
    """Record what is named, or all there is."""
    known = {recording.name: recording for recording in RECORDINGS}
    names = sys.argv[1:] or list(known)
    if unknown := [name for name in names if name not in known]:
        sys.exit(f"no recording {', '.join(unknown)}; there are {', '.join(known)}")
    with live.shown() as progress:
        failed = wait_for(_record([known[name] for name in names], progress))
    sys.exit(f"did not say what they are for: {', '.join(failed)}; their consoles are in {FAILED}" if failed else 0)


def profile(name: str) -> Profile:
    """Return what the kernel `name` is built and booted with: all that the rig checks, or nearly nothing of it."""
    checks = plan.profile("sanitize")
    fragments = checks.fragments if name == "checked" else checks.fragments[:1]
    own = (HERE / f"{name}.config", HERE / "common.config")
    return replace(checks, name=f"misbehave-{name}", fragments=(*fragments, *own))


@dataclass(frozen=True, slots=True, kw_only=True)
class Studio:
    """What all recordings share."""

    accel: Accel
    image: Image
    progress: Progress


async def _record(recordings: Iterable[Recording], progress: Progress) -> list[str]:
    """Return the names of recordings that failed. All are emulated, so that they are the same everywhere."""
    studio = Studio(accel=await accel.find("tcg"), image=await image.build(progress), progress=progress)
    made = [(recording, await _recorded(recording, studio)) for recording in recordings]
    return [recording.name for recording, said in made if not said]


async def _recorded(recording: Recording, studio: Studio) -> bool:
    kernel = await _kernel(recording.kernel, studio.progress)
    with cache.scratch() as work, studio.progress.task(recording.name):
        console = work / "console.log"
        await _boot(kernel, recording, console, studio)
        said = _says(console, recording)
        shutil.copy(console, GOLDEN / f"{recording.name}.log" if said else FAILED / f"{recording.name}.log")
    return said


async def _kernel(name: str, progress: Progress) -> Kernel:
    built = await build(recipe.resolve(f"base+{HERE / 'misbehave.patch'}"), profile(name), progress)
    if not isinstance(built, Kernel):
        raise BuildError(f"{built.name} does not compile:\n" + "\n".join(built.errors[:10]), hint=f"log: {built.log}")
    return built


async def _boot(kernel: Kernel, recording: Recording, console: Path, studio: Studio) -> None:
    async with machine.boot(
        kernel,
        profile=profile(recording.kernel),
        shape=Shape(),
        accel=studio.accel,
        image=studio.image,
        console=console,
        extra=(*QUIET_BOOT, *recording.cmdline),
    ) as guest:
        if not await guest.ready():
            return
        tasks = [
            asyncio.ensure_future(_commit(guest, recording)),
            asyncio.ensure_future(_said(console, recording, guest.pulse)),
        ]
        await asyncio.wait((tasks[1], guest.end), return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _commit(guest: Guest, recording: Recording) -> None:
    """Run the steps; the guest may not survive them, and one may never come back."""
    with suppress(ShellError, QMPError):
        await guest.shell.run("; ".join((LOUD, *recording.steps)))
        if recording.monitor:
            command = {"command-line": recording.monitor}
            await guest._monitor._client.execute("human-monitor-command", command)  # no other use would need it


async def _said(console: Path, recording: Recording, pulse: Pulse) -> None:
    """Return when the console has said what it is recorded for and is silent, or at the limit."""
    with suppress(TimeoutError):
        async with asyncio.timeout(LIMIT):
            while not _says(console, recording):
                await asyncio.sleep(LOOK)
            await pulse.silence(SILENCE)


def _says(console: Path, recording: Recording) -> bool:
    return bool(re.search(recording.says, console.read_text(errors="replace")))


if __name__ == "__main__":
    main()
