"""Failures of a build that say something about the host and nothing about the kernel."""

from rig.errors import HostError
from rig.kernel.disk import FULL, HINT

KILLED = "Killed signal terminated program"  # the compiler driver's words when the kernel ran out of memory
PLEASE_INSTALL = "please install "  # kbuild's


def raise_host_fault(output: str) -> None:
    """Raise HostError if what a build printed shows that the host made it fail."""
    if FULL in output:
        raise HostError("no space left on the disk while building", hint=HINT)
    if KILLED in output:
        raise HostError("the compiler was killed: not enough memory", hint="build with nothing else running")
    for line in output.splitlines():
        if PLEASE_INSTALL in line or line.endswith(": not found"):
            raise HostError(f"the build lacks a package: {line.strip()}", hint="run `make setup`, or `rig doctor`")
