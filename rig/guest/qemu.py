"""QEMU's command lines, as pure functions: of a guest that runs a kernel under test, and of the acceleration probe."""

from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Literal

from rig import proc
from rig.model import Accel, Clock, Shape

QEMU = "qemu-system-x86_64"
ADDRESS = "10.0.2.15"  # the guest's, as its init sets it
CONSOLE, MONITOR = "console", "monitor"  # ids of the character devices

Options = tuple[tuple[str, ...], ...]

# SeaBIOS and q35, as most people run it. microvm boots about half a second sooner under TCG, but without a way to
# calibrate the TSC it hangs now and then on a loaded host, and its KVM paths are less trodden.
MACHINE = ("-M", "q35")

# Keep what the guest could do to the host small: no spawning, no raising of privileges.
SANDBOX = ("-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny")

# One thread for all vCPUs of an emulated guest. With a thread for each, and a core for each to run on, nested guests
# of QEMU 7.2 stop getting anywhere: about one trial in three hung on a quiet host, none of dozens this way.
ACCELERATION = {"kvm": "kvm", "tcg": "tcg,thread=single"}
CPU = {"kvm": "host", "tcg": "max,svm=on"}  # all that TCG can do, nested paging included

# Virtual time: 8 ns an instruction, about what emulation takes, and none that is waited for. Rates then hardly depend
# on the load of the host. One processor only: bringing up a second one, QEMU 7.2 does not let the first get on.
CLOCK: dict[Clock, Options] = {"host": (), "virtual": (("-icount", "shift=3,sleep=off"),)}

# Detectors must not hide each other: a warning doesn't panic, a panic ends the boot at once with its text complete.
# `unknown_nmi_panic` makes the NMI the rig sends into a hung guest a backtrace.
CMDLINE = (
    "console=ttyS0,115200",
    "panic=-1",
    "panic_on_warn=0",
    "unknown_nmi_panic",
    "sysrq_always_enabled=1",
    "random.trust_cpu=on",  # dropbear waits for the generator; RDRAND seeds it before init
)

# Under TCG the TSCs are one host clock, in step although calibration by timer interrupts doubts it: without
# these, 1.4 s of the boot go to timer checks and every clock read to the HPET.
CMDLINE_FOR: dict[str, tuple[str, ...]] = {"kvm": (), "tcg": ("tsc=reliable", "no_timer_check")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sockets:
    """Where QEMU meets its rig. The rig listens, so a QEMU whose rig has died does not even start."""

    monitor: Path
    console: Path
    gdb: Path | None = None  # QEMU listens here, halted until gdb says go


def cmdline(accel: Accel, *extra: str) -> str:
    """Return the kernel command line: what every guest gets, what the acceleration needs, then `extra`."""
    # A guest that measures it on a busy host is wrong now and then, by a factor of 3 to 12: its clock is too fast by as
    # much, and detectors of hangs speak too soon.
    rate = (f"tsc_early_khz={accel.tsc_khz}",) if accel.tsc_khz else ()
    return " ".join((*CMDLINE, *CMDLINE_FOR[accel.name], *rate, *extra))


def argv(*, kernel: Path, initrd: Path, cmdline: str, shape: Shape, accel: Accel, sockets: Sockets) -> tuple[str, ...]:
    """Return the command that runs `kernel`."""
    return _argv(
        *_bare(accel.name),
        *CLOCK[accel.clock],
        SANDBOX,
        ("-smp", str(shape.vcpus)),
        ("-m", f"{shape.memory_mib}M"),
        ("-kernel", str(kernel)),
        ("-initrd", str(initrd)),
        ("-append", cmdline),
        *_console(sockets),
        *_monitor(sockets),
        *_network(),
        ("-device", "pvpanic-pci"),
        # A panic is told to the rig and goes on until its text is out; a reset ends QEMU.
        ("-action", "reboot=shutdown,shutdown=poweroff,panic=none,watchdog=none"),
        *_gdb(sockets),
    )


def by_hand(*, cmdline: str, shape: Shape, accel: Accel) -> tuple[str, ...]:
    """Return a command for people without a rig, its console on their terminal; kernel and initramfs are to follow.

    The kernel's command line stands last.
    """
    return _argv(
        *_bare(accel.name),
        *CLOCK[accel.clock],
        SANDBOX,
        ("-smp", str(shape.vcpus)),
        ("-m", f"{shape.memory_mib}M"),
        ("-serial", "mon:stdio"),
        ("-no-reboot",),
        ("-append", cmdline),
    )


def probe_argv(accel: Literal["kvm", "tcg"], program: Path) -> tuple[str, ...]:
    """Return the command that runs the acceleration probe as trials would run."""
    return _argv(*_bare(accel), ("-m", "64M"), ("-kernel", str(program)), ("-device", "isa-debug-exit,iobase=0xf4"))


def cpu(accel: Accel) -> str:
    """Return the CPU model guests get."""
    return CPU[accel.name]


async def version() -> str:
    """Return what QEMU calls itself."""
    done = await proc.run((QEMU, "--version"), limit=10)
    return done.output.splitlines()[0]


def _argv(*options: tuple[str, ...]) -> tuple[str, ...]:
    return (QEMU, *chain.from_iterable(options))


def _bare(accel: Literal["kvm", "tcg"]) -> Options:
    return (
        ("-nodefaults",),
        ("-no-user-config",),
        ("-display", "none"),
        MACHINE,
        ("-accel", ACCELERATION[accel]),
        ("-cpu", CPU[accel]),
    )


def _console(sockets: Sockets) -> Options:
    return (
        ("-chardev", f"socket,id={CONSOLE},path={_value(sockets.console)}"),
        ("-serial", f"chardev:{CONSOLE}"),
    )


def _monitor(sockets: Sockets) -> Options:
    return (
        ("-chardev", f"socket,id={MONITOR},path={_value(sockets.monitor)}"),
        ("-mon", f"chardev={MONITOR},mode=control"),
    )


def _network() -> Options:
    return (
        ("-netdev", f"user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:0-{ADDRESS}:22"),
        ("-device", "virtio-net-pci,netdev=net,romfile="),  # no boot from the network, so no ROM for it
    )


def _gdb(sockets: Sockets) -> Options:
    if not sockets.gdb:
        return ()
    return (("-S",), ("-gdb", f"unix:{sockets.gdb},server=on,wait=off"))


def _value(path: Path) -> str:
    """Return `path` as a value in a list of options, where a comma is doubled."""
    return str(path).replace(",", ",,")
