"""A guest from power-on to its end."""

import asyncio
import re
import signal
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from qemu.qmp import QMPError

from rig import cache, proc
from rig.errors import HostError
from rig.guest import keys, qemu
from rig.guest.console import CAP, Console, Pulse
from rig.guest.ending import Ending, Evidence, judge
from rig.guest.image import programs
from rig.guest.monitor import Monitor
from rig.guest.shell import Shell, ShellError
from rig.markers import GAVE_UP
from rig.model import Accel, End, Image, Kernel, Profile, Shape

# Seconds on real hardware; multiplied by the time scale of the acceleration.
BOOT_LIMIT = 30.0
BOOT_SILENCE = 8.0
POWER_OFF_LIMIT = 8.0
PANIC_LIMIT = 3.0  # from the panic to the reset that ends it
TRACE_LIMIT = 1.5  # for the backtraces of a hung guest
TRACE_SILENCE = 0.3

START_LIMIT = 60.0  # real seconds for QEMU to come up
LAST_WORDS = 5.0  # real seconds: a connection and its QEMU end together, give or take this
DEBUGGED = 1e5  # the time scale of a guest that a debugger may halt for as long as it likes
READY = b"rig: ready"  # the last line of images/init
PANIC = re.compile(rb"Kernel panic - not syncing: (.*)")
# The kernel's own words for what does not come back: a spinning CPU, an RCU grace period, a waiting task.
HANG = re.compile(
    rb"soft lockup - CPU#|hard LOCKUP on cpu|self-detected stall on|detected stalls on|blocked for more than"
)
STANDSTILL = 100.0  # seconds in which a workload gets nothing done, however much is heard of it meanwhile
HANG_STANDSTILL = 45.0  # the same, once the kernel itself has said meanwhile that something hangs
Result = TypeVar("Result")


class Guest:
    """One guest. `end` is how it ended, once it has; `shell` works once `ready` said yes."""

    shell: Shell
    gdb: Path | None = None  # where it waits for gdb

    def __init__(self, *, scale: float, credentials: keys.Keys, log: Path) -> None:
        self.end: asyncio.Future[Ending] = asyncio.get_running_loop().create_future()
        self.pulse = Pulse()
        self._scale = scale
        self._credentials = credentials
        self._seen = Evidence()
        self._booted = asyncio.Event()
        self._hang_told = asyncio.Event()
        self._console = Console(log, pulse=self.pulse, on_line=self._on_line, on_flood=self._on_flood)
        self._monitor = Monitor(self._on_event)
        self._process: asyncio.subprocess.Process

    async def power_on(self, argv: tuple[str, ...], work: Path, stack: AsyncExitStack) -> None:
        """Listen in `work`, spawn QEMU, meet it; closing `stack` undoes it all, QEMU first.

        Raises HostError for a QEMU that does not start: that is no fault of the kernel.
        """
        complaints = work / "qemu.log"
        log = stack.enter_context(complaints.open("wb"))
        await stack.enter_async_context(self._console.listening(work / "console"))
        await stack.enter_async_context(self._monitor.listening(work / "monitor"))
        self._process = await stack.enter_async_context(proc.spawn(argv, stdout=log, death=signal.SIGKILL))
        if not await self._met():
            raise HostError(f"QEMU does not start: {_last_line(complaints)}", hint="`rig doctor` checks the host")
        self.shell = Shell(port=await self._monitor.forwarded_port(), keys=self._credentials, pulse=self.pulse)
        stack.callback(self.shell.close)
        stack.callback(asyncio.ensure_future(self._see_off(complaints)).cancel)

    async def ready(self) -> bool:
        """Wait until the guest has booted and let the rig in; False if it ended first, or was given up."""
        limit, silence = BOOT_LIMIT * self._scale, BOOT_SILENCE * self._scale
        work = self._log_in()
        try:
            done = await self.during(work, what="booting", limit=limit, silence=silence, end=End.NEVER_BOOTED)
        except ShellError as error:
            await self.leave(Ending(end=End.NEVER_BOOTED, reason=f"init was done, but {error}"))
            return False
        self._seen.ready = bool(done)
        return self._seen.ready

    async def during(
        self,
        work: Coroutine[Any, Any, Result],
        *,
        what: str,
        limit: float,
        silence: float,
        end: End = End.HUNG,
        advance: Pulse | None = None,
    ) -> Result | None:
        """Return what `work` in the guest returns, or None if the guest ended before it could.

        A guest that stays silent for `silence` seconds, needs more than `limit` or, where there is an `advance`, gets
        nothing done for too long is asked where it hangs, and ended.
        """
        doing, watches = asyncio.ensure_future(work), {asyncio.ensure_future(self._silent(silence))}
        if advance:
            self._hang_told.clear()  # what is over is none: on a loaded host, booting may look like one
            watches |= {asyncio.ensure_future(each) for each in (_idle(advance), self._idle_after_hang(advance))}
        try:
            await _first(doing, self.end, *watches, limit=limit)
            if not doing.done() and not self.end.done():
                why = next((each.result() for each in watches if each.done()), f"not done after {limit:g} s")
                await self._give_up(Ending(end=end, reason=f"{what}: {why}"))
            await _first(doing, limit=LAST_WORDS)
            return doing.result() if doing.done() else None
        finally:
            for each in (doing, *watches):
                each.cancel()
            await asyncio.gather(doing, *watches, return_exceptions=True)

    async def power_off(self) -> Ending:
        """Have the kernel power off, whose way down is under test too, and return how the guest ended."""
        if self.end.done():
            return self.end.result()
        self._seen.asked_off = True
        limit = POWER_OFF_LIMIT * self._scale
        await self.during(self._powered_off(), what="powering off", limit=limit, silence=limit)
        return await self.end

    async def leave(self, ending: Ending) -> None:
        """See a guest off that does not answer: if it is not ending by itself, `ending` is what became of it."""
        await _first(self.end, limit=LAST_WORDS)
        self._pull_plug(ending)
        await self.end

    async def nmi(self) -> None:
        """Send a non-maskable interrupt: the kernel says where it is, panics and resets."""
        await self._monitor.nmi()

    # ---- what is seen

    async def _silent(self, seconds: float) -> str:
        await self.pulse.silence(seconds)
        return f"silent for {seconds:g} s"

    async def _idle_after_hang(self, advance: Pulse) -> str:
        await self._hang_told.wait()
        await advance.silence(HANG_STANDSTILL)
        return f"got nothing done for {HANG_STANDSTILL:g} s, and the kernel says that it hangs"

    def _on_line(self, line: bytes) -> None:
        if line.rstrip().endswith(READY):
            self._booted.set()
        elif found := PANIC.search(line):
            self._panicked(found[1].decode(errors="replace").strip())
        elif HANG.search(line):
            self._hang_told.set()

    def _on_event(self, name: str, data: dict[str, Any]) -> None:
        if name == "GUEST_PANICKED":
            self._panicked("")
        elif name == "SHUTDOWN":
            self._seen.shutdown = str(data.get("reason", ""))

    def _on_flood(self) -> None:
        self._pull_plug(Ending(end=End.KILLED, reason=f"its console reached {CAP >> 20} MiB"))

    def _panicked(self, words: str) -> None:
        """Take note, and see to it that a panic which does not come to its end is ended."""
        if not self._seen.panic:
            asyncio.get_running_loop().call_later(PANIC_LIMIT * self._scale, self._pull_plug, None)
        self._seen.panic = words or self._seen.panic or "said by pvpanic alone"

    async def _met(self) -> bool:
        """Return whether QEMU came to both its sockets."""
        met = asyncio.ensure_future(self._meet())
        dead = asyncio.ensure_future(self._process.wait())
        try:
            await _first(met, dead, limit=START_LIMIT)
            return met.done() and met.result()
        finally:
            met.cancel()
            dead.cancel()
            await asyncio.gather(met, dead, return_exceptions=True)

    async def _meet(self) -> bool:
        try:
            await self._monitor.accept()
        except QMPError:
            return False  # it came and went
        await self._console.connected.wait()
        return True

    async def _see_off(self, complaints: Path) -> None:
        """Wait for QEMU's end and for all it had still to say, then judge."""
        self._seen.status = await self._process.wait()
        await self._console.drained.wait()
        await self._monitor.closed()
        self._seen.complaint = _last_line(complaints)
        self.end.set_result(judge(self._seen))

    # ---- what is done

    async def _log_in(self) -> bool:
        booted = asyncio.ensure_future(self._booted.wait())
        await _first(booted, self.end)
        if booted.cancel():
            return False
        await self.shell.connect(limit=BOOT_LIMIT * self._scale)
        return True

    async def _powered_off(self) -> None:
        with suppress(ShellError):  # it may be gone before it could answer
            await self.shell.run("poweroff -f")
        await self.end

    async def _give_up(self, ending: Ending) -> None:
        """Decide that the guest hangs, have it say where, and end it.

        A line in the log parts what the kernel said by itself from what it was made to say.
        """
        self._seen.decided = ending
        self._console.remark(GAVE_UP + ending.reason.encode())
        for key in "wl":  # sysrq: blocked tasks, backtraces of all CPUs; heard while interrupts are
            await self._monitor.send_break()
            await self._console.press(key)
            quiet = asyncio.ensure_future(self.pulse.silence(TRACE_SILENCE * self._scale))
            await _first(self.end, quiet, limit=TRACE_LIMIT * self._scale)  # a workload may be chatty for ever
            quiet.cancel()
        await self.nmi()  # heard always, by the boot CPU
        await _first(self.end, limit=TRACE_LIMIT * self._scale)
        self._pull_plug(ending)
        await self.end

    def _pull_plug(self, ending: Ending | None) -> None:
        self._seen.decided = self._seen.decided or ending
        with suppress(ProcessLookupError):
            self._process.kill()


@asynccontextmanager
async def boot(
    kernel: Kernel,
    *,
    profile: Profile,
    shape: Shape,
    accel: Accel,
    image: Image,
    console: Path,
    files: tuple[tuple[str, Path], ...] = (),
    gdb: bool = False,
    extra: tuple[str, ...] = (),
) -> AsyncIterator[Guest]:
    """Run `kernel` in a guest for as long as the context lasts; nothing of it is left afterwards.

    The raw console goes to the file `console`. `files` are programs the guest has beyond `image`, by their paths there.
    With `gdb` QEMU halts at power-on, listens for gdb on the Unix socket `guest.gdb`, and no limit holds. `extra` is
    added to the kernel's command line.
    """
    credentials = keys.make()
    guest = Guest(scale=DEBUGGED if gdb else accel.time_scale, credentials=credentials, log=console)
    async with AsyncExitStack() as stack:
        work = stack.enter_context(cache.scratch())
        guest.gdb = work / "gdb" if gdb else None
        initrd = work / "initrd"
        initrd.write_bytes(image.path.read_bytes() + credentials.archive + programs(files))
        sockets = qemu.Sockets(monitor=work / "monitor", console=work / "console", gdb=guest.gdb)
        cmdline = qemu.cmdline(accel, *profile.cmdline, *shape.cmdline, *(("nokaslr",) if gdb else ()), *extra)
        argv = qemu.argv(
            kernel=kernel.bzimage, initrd=initrd, cmdline=cmdline, shape=shape, accel=accel, sockets=sockets
        )
        await guest.power_on(argv, work, stack)
        yield guest


async def _idle(advance: Pulse) -> str:
    await advance.silence(STANDSTILL)
    return f"got nothing done for {STANDSTILL:g} s"


async def _first(*some: asyncio.Future[Any], limit: float | None = None) -> None:
    """Wait for the first of `some` to be done, for no more than `limit` seconds."""
    await asyncio.wait(some, timeout=limit, return_when=asyncio.FIRST_COMPLETED)


def _last_line(log: Path) -> str:
    return next(reversed(log.read_text(errors="replace").splitlines()), "nothing said")
