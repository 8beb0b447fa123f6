"""What a guest's console says, decoded with the kernel that ran in it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import BinaryIO

from rig.decode.decoder import Decoder
from rig.decode.source import excerpt
from rig.kernel import trees
from rig.markers import DROPPED
from rig.model import Kernel, Report, Sighting, Trial
from rig.reports.sightings import sightings, uptime
from rig.reports.touched import Side, touched

_CHUNK = 1 << 20
_LINE = 200
LOOK = 1.5  # seconds between looks at a console that is still being written
MOST = 4 << 20  # bytes of it that are read again and again; nobody waits for the news of a flood


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Reads the consoles of one kernel; `decoder` is None if nothing is known of its frames."""

    kernel: Kernel
    decoder: Decoder | None

    async def read(self, trial: Trial, directory: Path) -> Trial:
        """Return `trial` with what its console, which is in `directory`, complains of."""
        console = directory / trial.console
        if not console.exists():
            return trial
        found, dropped = await asyncio.to_thread(_heard, console)
        return replace(trial, sightings=await self._decoded(found), dropped=dropped)

    async def _decoded(self, found: tuple[Sighting, ...]) -> tuple[Sighting, ...]:
        if not (found and self.decoder):
            return found
        decoded = await self.decoder.decode([sighting.report for sighting in found])
        reports = [await self._with_source(report) for report in decoded.reports]
        return tuple(replace(sighting, report=report) for sighting, report in zip(found, reports, strict=True))

    async def _with_source(self, report: Report) -> Report:
        if not report.place:
            return report
        lines = (await trees.text(self.kernel.tree, report.place.file)).splitlines()
        return replace(report, source=excerpt(lines, report.place.line))


@asynccontextmanager
async def overheard(console: Path, tell: Callable[[Sighting], None]) -> AsyncIterator[None]:
    """Tell of each report in `console` once, while it is being written; what counts is how it is read at the end."""
    listening = asyncio.create_task(_listen(console, tell))
    try:
        yield
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)


async def _listen(console: Path, tell: Callable[[Sighting], None]) -> None:
    """Read it from its start whenever something new was said and nothing more since the last look.

    A report cut off in the middle would have another title, and which ones only follow another the whole console
    says. That is milliseconds for all that a guest says in minutes.
    """
    read = size = 0
    told: set[tuple[str, str]] = set()
    while size < MOST:
        await asyncio.sleep(LOOK)
        before, size = size, console.stat().st_size if console.exists() else 0
        if read < size == before:
            read = size
            found, _ = await asyncio.to_thread(_heard, console)
            for each in found:
                if (key := (each.workload, each.report.title)) not in told:
                    told.add(key)
                    tell(each)


def _heard(console: Path) -> tuple[tuple[Sighting, ...], int]:
    """Return the reports of a console, and how many messages the kernel dropped."""
    dropped: list[int] = []
    with console.open("rb") as file:
        found = sightings(_counted(iter(partial(file.read, _CHUNK), b""), dropped))
        return tuple(replace(each, at=_uptime_at(file, each.report.start)) for each in found), sum(dropped)


def _counted(pieces: Iterable[bytes], dropped: list[int]) -> Iterator[bytes]:
    for piece in pieces:
        dropped += (int(number) for number in DROPPED.findall(piece))
        yield piece


def _uptime_at(file: BinaryIO, offset: int) -> float | None:
    file.seek(offset)
    return uptime(file.read(_LINE))


async def reader(kernel: Kernel, other: Kernel | None, side: Side) -> Reader:
    """Return what reads the consoles of `kernel`; frames that the difference to the other side touches are marked."""
    if not kernel.vmlinux:
        return Reader(kernel=kernel, decoder=None)
    before, after = (kernel, other) if side == "base" else (other, kernel)
    patch = await trees.difference(before.tree, after.tree) if before and after else ""
    return Reader(kernel=kernel, decoder=Decoder(kernel.vmlinux, touched=touched([patch] if patch else [], side)))
