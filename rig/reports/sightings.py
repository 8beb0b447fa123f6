"""Reports of a guest's console, each with the workload it came under. No I/O."""

from bisect import bisect_right

from rig.markers import BEGIN, GAVE_UP
from rig.model import Report, Sighting
from rig.reports.parse import parse

BOOT = "boot"  # the workload of what is seen before the first one


def sightings(console: bytes) -> tuple[Sighting, ...]:
    """Return what `console` complains of, in order.

    Left out are panics that only follow another report, and what the rig made a hung guest say.
    """
    console = console.partition(GAVE_UP)[0]
    markers = [(found.start(), found[1].decode()) for found in BEGIN.finditer(console)]
    starts = [start for start, _ in markers]
    reports = parse(console)
    told = [report for number, report in enumerate(reports) if not (number and _follows(report))]
    return tuple(Sighting(workload=_under(markers, starts, report.start), report=report) for report in told)


def _follows(report: Report) -> bool:
    """Whether `report` is a panic that names no cause of its own, as after an oops."""
    return report.corrupted and report.title.startswith("kernel panic:")


def _under(markers: list[tuple[int, str]], starts: list[int], offset: int) -> str:
    before = bisect_right(starts, offset)
    return markers[before - 1][1] if before else BOOT
