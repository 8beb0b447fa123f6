"""What a guest's console says, decoded with the kernel that ran in it."""

import asyncio
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import BinaryIO

from rig.decode.decoder import Decoder
from rig.decode.source import excerpt
from rig.kernel import trees
from rig.model import Kernel, Report, Sighting
from rig.reports.sightings import sightings, uptime
from rig.reports.touched import Side, touched

_CHUNK = 1 << 20
_LINE = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Reads the consoles of one kernel; `decoder` is None if nothing is known of its frames."""

    kernel: Kernel
    decoder: Decoder | None

    async def read(self, console: Path) -> tuple[Sighting, ...]:
        """Return what a console complains of; nothing if there is no console."""
        if not console.exists():
            return ()
        found = await asyncio.to_thread(_sightings, console)
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


def _sightings(console: Path) -> tuple[Sighting, ...]:
    with console.open("rb") as file:
        found = sightings(iter(partial(file.read, _CHUNK), b""))
        return tuple(replace(each, at=_uptime_at(file, each.report.start)) for each in found)


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
