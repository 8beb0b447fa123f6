"""What was seen of a guest's last moments, and the one value it comes to. No I/O."""

from dataclasses import dataclass

from rig.model import End


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a guest ended, and one sentence why."""

    end: End
    reason: str


@dataclass(slots=True, kw_only=True)
class Evidence:
    """What has been seen so far; filled while the guest runs."""

    decided: Ending | None = None  # by the rig, before it pulled the plug
    panic: str = ""  # the console's or pvpanic's words
    ready: bool = False  # the rig has logged in
    asked_off: bool = False  # the rig asked the guest to power off
    shutdown: str = ""  # the monitor's word for why QEMU shut down: "guest-reset", "guest-shutdown", …
    status: int = 0  # of QEMU; negative: the signal that ended it
    complaint: str = ""  # QEMU's own last words


def judge(seen: Evidence) -> Ending:
    """Return how the guest ended; what the rig decided goes first, for the panic after its NMI is its own."""
    if seen.decided:
        return seen.decided
    when = "" if seen.ready else " before it was ready"
    if seen.panic:
        return Ending(end=End.PANICKED, reason=f"the kernel panicked{when}: {seen.panic}")
    if seen.shutdown == "guest-reset":
        return Ending(end=End.REBOOTED, reason=f"it reset itself{when}, without a panic")
    if seen.shutdown == "guest-shutdown" and not seen.asked_off:
        return Ending(end=End.REBOOTED, reason=f"it powered itself off{when}, unasked")
    if seen.shutdown == "guest-shutdown":
        return Ending(end=End.FINISHED, reason="powered off after its work")
    return Ending(end=End.LOST, reason=_lost(seen))


def _lost(seen: Evidence) -> str:
    how = f"was killed by signal {-seen.status}" if seen.status < 0 else f"ended with status {seen.status}"
    return f"QEMU {how}" + (f": {seen.complaint}" if seen.complaint else "")
