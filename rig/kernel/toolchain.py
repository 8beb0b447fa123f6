"""The compiler and binutils that kernels are built with."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from rig import proc
from rig.kernel import sandbox
from rig.kernel.sandbox import Sandbox

CACHED = Path(__file__).parent / "bin" / "rig-ccache"  # by name only, so that make sees the same command everywhere
NEEDED = ("make", "gcc", "ld", "flex", "bison", "bc", "flock", "tar", "xz", "git")


@dataclass(frozen=True, slots=True, kw_only=True)
class Toolchain:
    """What compiles, by name and version, and how make is told."""

    version: str
    variables: tuple[str, ...]  # for make's command line
    env: tuple[tuple[str, str], ...]
    sandbox: Sandbox  # that make runs in


async def detect() -> Toolchain:
    """Return the toolchain of this host; raises HostError naming the program that is missing."""
    for program in NEEDED:
        proc.require(program)
    versions = [(await proc.run((program, "--version"))).output.splitlines()[0] for program in ("gcc", "ld")]
    cached = shutil.which("ccache") is not None
    return Toolchain(
        version=", ".join(versions),
        variables=(f"CC={CACHED.name} gcc",) if cached else (),
        env=_cached() if cached else (),
        sandbox=await sandbox.find(NEEDED),
    )


def _cached() -> tuple[tuple[str, str], ...]:
    path = f"{CACHED.parent}:{os.environ.get('PATH', os.defpath)}"
    return ("PATH", path), ("CCACHE_MAXSIZE", "2G")


def jobs() -> int:
    """Return how many compilers run side by side: one more than there are processors, as some wait for the disk."""
    return len(os.sched_getaffinity(0)) + 1
