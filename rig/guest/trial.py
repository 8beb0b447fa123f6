"""One boot of one kernel that runs a list of workloads, to its end."""

import asyncio
import json
import shlex
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from rig.events import Boot, Detail, Doing, TrialStarted, WorkloadDone, WorkloadStarted
from rig.guest import counters, machine, pytests
from rig.guest.console import Pulse
from rig.guest.ending import Ending
from rig.guest.lines import Lines
from rig.guest.machine import Guest
from rig.guest.shell import OnOutput, Ran, ShellError
from rig.model import Accel, End, Gcov, Image, Kernel, Outcome, Profile, Shape, Status, Trial, Workload
from rig.progress import Progress
from rig.reports.sightings import BOOT
from rig.workloads import LOOKING, PROGRESS, SKIPPED, UNFINISHED, Reader

# Seconds without a word, from the console or the workload. More than the kernel's own detectors of hangs need,
# because they say more than the rig can.
SILENCE = 90.0
UPLOAD = 120.0  # seconds that copying a user's program may take
RUN = "/bin/rig-run"
CUT_OFF = Ending(end=End.KILLED, reason="its ssh server does not answer any more")


def console_of(boot: Boot) -> str:
    """Return the name of the file that keeps the console of `boot`."""
    return f"console-{boot.side}-{boot.index}.log"


def counters_of(boot: Boot, number: int, workload: str) -> str:
    """Return the name of the directory that keeps what `boot` had counted after its `number`th workload (0: none)."""
    return f"gcov-{boot.side}-{boot.index}/{number}-{workload}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Watch:
    """Who is told of a boot."""

    boot: Boot
    progress: Progress

    def teller(self, workload: str) -> Callable[[str], None]:
        """Return what tells of the lines that `workload` prints; it may be called in any thread."""
        loop = asyncio.get_running_loop()

        def tell(line: str) -> None:
            if text := _doing(line):
                doing = Doing(boot=self.boot, workload=workload, text=text)
                loop.call_soon_threadsafe(self.progress.tell, doing)

        return tell


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
    watch = _Watch(boot=Boot(side=side, kernel=kernel.name, index=index), progress=progress)
    console, began, ready = console_of(watch.boot), time.monotonic(), 0.0
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
    progress.tell(Detail(text=f"{side} {index}: {_limits(shape, accel)}"))
    progress.tell(TrialStarted(boot=watch.boot, workloads=tuple(workload.name for workload in workloads)))
    async with booted as guest:
        if await guest.ready():
            ready = time.monotonic() - began
            outcomes = await _outcomes(guest, workloads, watch, directory / f"{side}-{index}", kernel.gcov)
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


async def _outcomes(
    guest: Guest, workloads: tuple[Workload, ...], watch: _Watch, log: Path, gcov: Gcov | None
) -> tuple[Outcome, ...]:
    outcomes: list[Outcome] = []
    await _count(guest, gcov, log.parent / counters_of(watch.boot, 0, BOOT))
    for number, workload in enumerate(workloads, start=1):
        outcomes.append(await _outcome(guest, workload, watch, log.with_name(f"{workload.name}-{log.name}.log")))
        await _count(guest, gcov, log.parent / counters_of(watch.boot, number, workload.name))
        watch.progress.tell(WorkloadDone(boot=watch.boot, outcome=outcomes[-1]))
        if guest.end.done() or outcomes[-1].detectors_lost:
            break
    return tuple(outcomes)


async def _count(guest: Guest, gcov: Gcov | None, to: Path) -> None:
    """Fetch what a kernel that counts has counted, as long as it can be asked: it takes that along when it dies."""
    if gcov and not guest.end.done():
        await counters.fetch(guest, gcov.notes, to)


async def _outcome(guest: Guest, workload: Workload, watch: _Watch, log: Path) -> Outcome:
    """Run one workload, and say so if the guest did not survive it."""
    began, reader = time.monotonic(), Reader(workload)
    if workload.skip:
        return reader.outcome(SKIPPED, 0.0)
    watch.progress.tell(WorkloadStarted(boot=watch.boot, workload=workload.name, limit=workload.limit))
    status = await _status(guest, workload, reader, watch.teller(workload.name), log)
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


def _limits(shape: Shape, accel: Accel) -> str:
    boot = machine.BOOT_LIMIT * accel.time_scale
    return f"{shape.vcpus} vCPUs, {shape.memory_mib} MiB, {accel.name}; {boot:g} s to boot, {SILENCE:g} s of silence"


def _doing(line: str) -> str:
    """Return what a line of rig-run's or a workload's says it is about; "" for all other lines."""
    if line.startswith(LOOKING):
        return line.strip().removeprefix("@")
    if not line.startswith(PROGRESS):
        return ""
    with suppress(ValueError, AttributeError):
        counts = json.loads(line.removeprefix(PROGRESS)).items()
        return ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in counts)
    return ""
