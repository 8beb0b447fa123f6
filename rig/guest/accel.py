"""Which acceleration really works here, found out by running a small guest with it."""

import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Literal

from rig import cache, paths, proc
from rig.errors import HostError, InputError
from rig.guest import qemu, tsc
from rig.model import Accel, Clock

Name = Literal["kvm", "tcg"]
Probe = Callable[[Name], Awaitable[str]]  # "" if guests can nest with it, else why not

LIMIT = 10.0  # seconds; the probe needs a fraction of one
TCG_SCALE = 8.0  # an emulated boot or workload takes about this many times as long
DEVICE = Path("/dev/kvm")
SVM, VMX, NEITHER = 33, 35, 37  # exit statuses of images/probe


async def find(request: Literal["auto", "kvm", "tcg"], clock: Clock = "host", *, probe: Probe | None = None) -> Accel:
    """Return the acceleration to use for `request`; only emulated guests can have a virtual `clock`.

    KVM counts only if a guest gets through the stock firmware with it and sees SVM or VMX: a /dev/kvm that opens proves
    nothing. Raises HostError if what was asked for does not work, or nothing does.
    """
    ask = probe or run
    if clock == "virtual" and request == "kvm":
        raise InputError("only emulated guests can have virtual time", hint="leave out --clock, or use --accel tcg")
    emulate = "asked for" if request == "tcg" else "virtual time was asked for" if clock == "virtual" else ""
    why_not = emulate or await ask("kvm")
    if not why_not:
        return Accel(name="kvm", reason="a guest runs with it and can nest", time_scale=1.0)
    if request == "kvm":
        raise HostError(f"KVM does not work here: {why_not}", hint="--accel tcg emulates, about eight times slower")
    if broken := await ask("tcg"):
        raise HostError(f"emulation does not work here: {broken}", hint="`rig doctor` checks QEMU")
    reason = emulate or f"KVM does not work here: {why_not}"
    rate = await tsc.khz() if clock == "host" else 0
    return Accel(name="tcg", reason=reason, time_scale=TCG_SCALE, clock=clock, tsc_khz=rate)


async def run(accel: Name) -> str:
    """Run the probe with `accel` and return "" if guests can nest with it, else why not."""
    if accel == "kvm" and (closed := _closed(DEVICE)):
        return closed
    with cache.scratch() as work:
        program = await _assemble(work)
        try:
            done = await proc.run(qemu.probe_argv(accel, program), limit=LIMIT, check=False)
        except proc.LimitError:
            return f"a guest did not get through the firmware in {LIMIT:g} s"
    return verdict(done)


def verdict(done: proc.Done) -> str:
    """Return "" if the probe saw SVM or VMX, else what its end means."""
    if done.status in (SVM, VMX):
        return ""
    if done.status == NEITHER:
        return "guests run, but see neither SVM nor VMX (is nesting switched off in kvm_amd or kvm_intel?)"
    how = f"signal {-done.status}" if done.status < 0 else f"status {done.status}"
    said = next(iter(done.output.splitlines()), "nothing said")
    return f"QEMU ends with {how} when a guest starts: {said}"


def _closed(device: Path) -> str:
    try:
        os.close(os.open(device, os.O_RDWR))
    except FileNotFoundError:
        return f"there is no {device}"
    except PermissionError:
        return f"{device} may not be opened (is the user in the group kvm?)"
    except OSError as error:
        return f"{device} can't be opened: {error.strerror}"
    return ""


async def _assemble(work: Path) -> Path:
    source, part, program = paths.project() / "images/probe/probe.S", work / "probe.o", work / "probe"
    await proc.run(("as", "--32", "-o", part, source))
    await proc.run(("ld", "-m", "elf_i386", "-Ttext=0x100000", "-o", program, part))
    return program
