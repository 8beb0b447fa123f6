"""A report with the places in the source that its frames stand for. No I/O."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from rig.decode.sites import Site, mentions, sites
from rig.model import Frame, Location, Report, Trace
from rig.reports.demangle import demangle
from rig.reports.guilty import culprit

PATCHED = " <- patched"

Places = Mapping[Site, tuple[Location, ...]]  # the innermost inlined function first, the site's own last
_Known = Mapping[tuple[str, int, int], tuple[Location, ...]]


def weave(report: Report, places: Places) -> Report:
    """Return `report` with its places in text and frames, and the one to blame; the same if there are none.

    The line that names the report stays as it is. What was inlined into a frame gets lines above it.
    """
    lines = report.text.split("\n")
    before = [new for line in lines[: report.lead] for new in _line(line, places)]
    own = [*lines[report.lead : report.lead + 1]]
    own += (new for line in lines[report.lead + 1 :] for new in _line(line, places))
    if before + own == lines:
        return report
    known = _by_frame(report, places)
    return replace(
        report,
        text="\n".join((*before, *own)),
        lead=len(before),
        traces=tuple(_trace(trace, known) for trace in report.traces),
        place=culprit(own),
    )


def _line(line: str, places: Places) -> Iterator[str]:
    told = ""
    patched = False
    at = 0
    for one in mentions(line):
        if found := places.get(one.site):
            if one.leads:
                yield from (_inlined(line, location) for location in found[:-1])
            told += f"{line[at : one.end]} ({_place(found[-1])})"
            patched |= found[-1].patched
            at = one.end
    yield told + line[at:] + (PATCHED if patched else "")


def _inlined(line: str, location: Location) -> str:
    indent = line[: len(line) - len(line.lstrip())] or " "
    return f"{indent}{location.function} ({_place(location)}) [inline]{PATCHED if location.patched else ''}"


def _place(location: Location) -> str:
    return f"{location.file}:{location.line or '?'}"


def _by_frame(report: Report, places: Places) -> _Known:
    """Return the places of a report by what a frame knows; where it may be either, it is what will be returned to."""
    own = sorted({site for site in sites(report) if site in places}, key=lambda site: not site.exact)
    return {(demangle(site.function), site.offset, site.size): places[site] for site in own}


def _trace(trace: Trace, known: _Known) -> Trace:
    return replace(trace, frames=tuple(_frame(frame, known) for frame in trace.frames))


def _frame(frame: Frame, known: _Known) -> Frame:
    if frame.offset is None or frame.size is None:
        return frame
    return replace(frame, at=known.get((demangle(frame.function), frame.offset, frame.size), frame.at))
