"""Reports of a guest's console, each with the workload it came under. No I/O."""

from bisect import bisect_right
from collections import defaultdict
from itertools import chain

from rig.markers import BEGIN, GAVE_UP
from rig.model import Report, Sighting
from rig.reports.parse import parse
from rig.reports.signature import contradict

BOOT = "boot"  # the workload of what is seen before the first one


def sightings(console: bytes) -> tuple[Sighting, ...]:
    """Return what `console` complains of, in order, each title once under each workload, unless it is of several bugs.

    Left out are reports that only follow another one, and what the rig made a hung guest say.
    """
    console = console.partition(GAVE_UP)[0]
    markers = [(found.start(), found[1].decode()) for found in BEGIN.finditer(console)]
    reports = parse(console)
    seen: defaultdict[tuple[str, str], list[Sighting]] = defaultdict(list)
    for before, report in zip((None, *reports), reports, strict=False):
        workload = _under(markers, report.start)
        alike = seen[workload, report.title]
        if not (before and _follows(report, before)) and all(contradict(one.report, report) for one in alike):
            alike.append(Sighting(workload=workload, report=report))
    return tuple(sorted(chain(*seen.values()), key=lambda sighting: sighting.report.start))


def _follows(report: Report, before: Report) -> bool:
    """Whether `report` is the rest of the crash `before`: a panic that names no cause, or the trap BUG() is made of."""
    trap = report.title.startswith("invalid opcode in ") and report.frame == before.frame
    return trap or (report.corrupted and report.title.startswith("kernel panic:"))


def _under(markers: list[tuple[int, str]], offset: int) -> str:
    before = bisect_right(markers, offset, key=lambda marker: marker[0])
    return markers[before - 1][1] if before else BOOT
