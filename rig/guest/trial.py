"""One boot of one kernel that runs a list of workloads, to its end."""

import asyncio
import shlex
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Literal

from rig.guest import machine, pytests
from rig.guest.console import Pulse
from rig.guest.ending import Ending
from rig.guest.lines import Lines
from rig.guest.machine import Guest
from rig.guest.shell import OnOutput, Ran, ShellError
from rig.model import Accel, End, Image, Kernel, Outcome, Profile, Shape, Status, Trial, Workload
from rig.progress import Progress, Task
from rig.workloads import PROGRESS, SKIPPED, UNFINISHED, Reader

# Seconds without a word, from the console or the workload. More than the kernel's own detectors of hangs need,
# because they say more than the rig can.
SILENCE = 90.0
UPLOAD = 120.0  # seconds that copying a user's program may take
RUN = "/bin/rig-run"
CUT_OFF = Ending(end=End.KILLED, reason="its ssh server does not answer any more")


async def run(
    kernel: Kernel,
    workloads: tuple[Workload, ...],
    *,
    side: Literal["base", "patched"],
    index: int,
    profile: Profile,
    shape: Shape,
    accel: Accel,
    image: Image,
    directory: Path,
    progress: Progress,
) -> Trial:
    """Boot `kernel`, run `workloads` one after the other, power off; the console is kept in `directory`.

    Ends early when the guest does, and after a workload that spent a detector if others are left: they boot afresh.
    A guest that never got ready has `ready_seconds` 0 and no outcomes. Sightings are left to who reads the console.
    """
    console, began, ready = f"console-{side}-{index}.log", time.monotonic(), 0.0
    outcomes: tuple[Outcome, ...] = ()
    booted = machine.boot(
        kernel,
        profile=profile,
        shape=shape,
        accel=accel,
        image=image,
        console=directory / console,
        files=tuple(file for workload in workloads for file in workload.files),
    )
    with progress.task(f"{side} {index}") as shown:
        async with booted as guest:
            shown.advance(0, text="boot")
            if await guest.ready():
                ready = time.monotonic() - began
                outcomes = await _outcomes(guest, workloads, shown, directory / f"{side}-{index}")
            ending = await guest.power_off()
            seconds = time.monotonic() - began
    return Trial(
        side=side,
        kernel=kernel.name,
        index=index,
        planned=tuple(workload.name for workload in workloads),
        end=ending.end,
        end_reason=ending.reason,
        console=console,
        ready_seconds=ready,
        seconds=seconds,
        outcomes=outcomes,
    )


async def _outcomes(guest: Guest, workloads: tuple[Workload, ...], shown: Task, log: Path) -> tuple[Outcome, ...]:
    outcomes: list[Outcome] = []
    for workload in workloads:
        outcomes.append(await _outcome(guest, workload, shown, log.with_name(f"{workload.name}-{log.name}.log")))
        if guest.end.done() or outcomes[-1].detectors_lost:
            break
    return tuple(outcomes)


async def _outcome(guest: Guest, workload: Workload, shown: Task, log: Path) -> Outcome:
    """Run one workload, and say so if the guest did not survive it."""
    began, reader = time.monotonic(), Reader(workload)
    if workload.skip:
        return reader.outcome(SKIPPED, 0.0)
    shown.advance(0, text=workload.name)
    status = await _status(guest, workload, reader, _teller(workload.name, shown), log)
    outcome = reader.outcome(status, time.monotonic() - began)
    return outcome if status is not None else _bereaved(outcome, await guest.end)


async def _status(
    guest: Guest, workload: Workload, reader: Reader, tell: Callable[[str], None], log: Path
) -> int | None:
    """Return the exit status of `workload`, or None with the guest at its end."""

    advance = Pulse()

    def read(line: bytes) -> None:  # in the shell's thread
        text = line.decode(errors="replace")
        if reader.feed(text):
            advance.beat()
        tell(text)

    lines = Lines(read)
    own = workload.program is not None  # and need not say anything
    silence, watched = (workload.limit, None) if own else (SILENCE, advance)
    ran = None
    with suppress(ShellError, TimeoutError):
        running = _running(guest, workload, lines.feed, log)
        ran = await guest.during(running, what=workload.name, limit=workload.limit, silence=silence, advance=watched)
    lines.end()
    if ran and ran.status is not None:
        return ran.status
    await guest.leave(CUT_OFF)
    return None


async def _running(guest: Guest, workload: Workload, feed: OnOutput, log: Path) -> Ran:
    if workload.tests:
        return await pytests.run(guest.shell, workload, _bracketed(workload, pytests.STAND_IN), feed, log)
    if workload.program:
        await _upload(guest, workload.program, workload.argv[0])
    return await guest.shell.run(_bracketed(workload, workload.argv), on_output=feed)


def _bracketed(workload: Workload, argv: tuple[str, ...]) -> str:
    variables = (f"{name}={value}" for name, value in workload.environment)
    return shlex.join((*variables, RUN, f"--scan={workload.leaks}", workload.name, "--", *argv))


async def _upload(guest: Guest, program: Path, to: str) -> None:
    await guest.shell.put(program, to, limit=UPLOAD)
    await guest.shell.run(f"chmod +x {shlex.quote(to)}", limit=UPLOAD)


def _bereaved(outcome: Outcome, ending: Ending) -> Outcome:
    """Return the outcome of a workload whose guest has ended; a QEMU that died says nothing about the kernel."""
    status = Status.MISS if ending.end is End.LOST else Status.FAIL
    reason = f"{ending.end}: {ending.reason}"
    cases = tuple(replace(case, reason=reason) if case.reason == UNFINISHED else case for case in outcome.cases)
    return replace(outcome, status=status, reason=reason, cases=cases)


def _teller(name: str, shown: Task) -> Callable[[str], None]:
    """Return what shows a workload's progress; it may be called in any thread."""
    loop = asyncio.get_running_loop()

    def tell(line: str) -> None:
        if line.startswith(PROGRESS):
            counts = line.removeprefix(PROGRESS).translate(str.maketrans({",": ", ", ":": " ", **dict.fromkeys('{}"')}))
            loop.call_soon_threadsafe(lambda: shown.advance(0, text=f"{name}: {counts}"))

    return tell
