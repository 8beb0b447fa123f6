"""What `rig parse` knows of the kernel that a log is of."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import click

from rig.decode.decoder import Decoder
from rig.decode.source import source
from rig.model import Report
from rig.render.parsed import Parsed
from rig.reports.touched import touched


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoding:
    """A kernel, and its source if that is at hand."""

    decoder: Decoder
    tree: Path | None

    def decoded(self, log: Parsed) -> Parsed:
        """Return a log's reports with places in the source; what a reader must know of them is told."""
        done = asyncio.run(self.decoder.decode(log.reports))
        for note in done.notes:
            click.secho(f"rig: {click.format_filename(log.file)}: {note}", fg="yellow", err=True)
        return replace(log, reports=tuple(map(self._with_source, done.reports)))

    def _with_source(self, report: Report) -> Report:
        if not (report.place and self.tree):
            return report
        return replace(report, source=source(report.place, self.tree))


def decoding(vmlinux: Path | None, tree: Path | None, patches: Sequence[Path]) -> Decoding | None:
    """Return what the options ask for, None for nothing."""
    if not vmlinux:
        if tree or patches:
            raise click.UsageError("--tree and --patch need --vmlinux, which says where in them a frame is")
        return None
    changed = touched([patch.read_text(errors="replace") for patch in patches])
    return Decoding(decoder=Decoder(vmlinux, tree=tree, touched=changed), tree=tree)
