"""How fast the host's time stamp counter runs, which is what an emulated guest's shows."""

import asyncio
import ctypes
import mmap
import platform
import time
from collections.abc import Callable
from contextlib import suppress

STRETCH = 0.1  # seconds over which it is measured
TRIES = 50  # readings of both clocks, of which the one that was least disturbed counts
ROUNDED = 1000  # kHz: so that it is the same in every run
RDTSC = bytes.fromhex("0f31 48c1e220 4809d0 c3")  # rdtsc; shl $32, %rdx; or %rdx, %rax; ret


async def khz() -> int:
    """Return its rate in kHz, 0 where that can't be found out."""
    with suppress(OSError, ValueError):
        if platform.machine() == "x86_64":
            return await _measured()
    return 0


async def _measured() -> int:
    with mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC) as memory:
        memory.write(RDTSC)
        anchor = ctypes.c_char.from_buffer(memory)
        counter = ctypes.CFUNCTYPE(ctypes.c_uint64)(ctypes.addressof(anchor))
        before = _reading(counter)
        await asyncio.sleep(STRETCH)
        after = _reading(counter)
        del anchor  # what refers to the memory keeps it mapped
    return rate(before, after)


def rate(before: tuple[int, int], after: tuple[int, int]) -> int:
    """Return the rate between two readings of nanoseconds and counts, in kHz."""
    nanoseconds, counts = (late - early for early, late in zip(before, after, strict=True))
    return round(counts * 1e6 / nanoseconds / ROUNDED) * ROUNDED


def _reading(counter: Callable[[], int]) -> tuple[int, int]:
    """Return nanoseconds and counts of the same moment, as nearly as a busy host lets us."""
    tries = [(time.monotonic_ns(), counter(), time.monotonic_ns()) for _ in range(TRIES)]
    begun, count, ended = min(tries, key=lambda each: each[2] - each[0])
    return (begun + ended) // 2, count
