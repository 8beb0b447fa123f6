"""The compiler and binutils that kernels are built with."""

import os
import shutil
from dataclasses import dataclass

from rig import paths, proc

# By the compiler's own dependency files, not by preprocessing: that costs a third of a first build's time.
CCACHE = (("CCACHE_DEPEND", "1"), ("CCACHE_MAXSIZE", "2G"))
NEEDED = ("make", "gcc", "ld", "flex", "bison", "bc", "flock", "tar", "xz", "git")


@dataclass(frozen=True, slots=True, kw_only=True)
class Toolchain:
    """What compiles, by name and version, and how make is told."""

    version: str
    variables: tuple[str, ...]  # for make's command line
    env: tuple[tuple[str, str], ...]


async def detect() -> Toolchain:
    """Return the toolchain of this host; raises HostError naming the program that is missing."""
    for program in NEEDED:
        proc.require(program)
    versions = [(await proc.run((program, "--version"))).output.splitlines()[0] for program in ("gcc", "ld")]
    cached = shutil.which("ccache") is not None
    return Toolchain(
        version=", ".join(versions),
        variables=("CC=ccache gcc",) if cached else (),
        env=(*CCACHE, ("CCACHE_DIR", str(paths.cache() / "ccache"))) if cached else (),
    )


def jobs() -> int:
    """Return how many compilers run side by side: one more than there are processors, as some wait for the disk."""
    return len(os.sched_getaffinity(0)) + 1
