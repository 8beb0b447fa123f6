"""What hosts did night after night, and how long it took them. No I/O."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rig.memory.values import Duty, Measure, Point, Trend, Where
from rig.model import MetricKind
from rig.render.site import naming
from rig.render.site.book import Book, Chapter
from rig.render.site.links import Link, Links, links
from rig.render.site.plot import Plot, across, plot

_Value = Callable[[Duty], float]
_DRAWN: tuple[tuple[str, str, _Value], ...] = (
    ("Trials", "", lambda duty: duty.trials),
    ("Booting, median", "s", lambda duty: duty.boot_seconds),
    ("All trials", "min", lambda duty: duty.trial_seconds / 60),
    ("All builds", "min", lambda duty: duty.build_seconds / 60),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A night of a host."""

    night: Link
    duty: Duty


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """A host over the nights."""

    name: str
    plots: tuple[Plot, ...]
    rows: tuple[Row, ...]  # the newest first


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """How far the plan of a night was right."""

    night: Link
    jobs: int
    expected: float  # seconds, of the jobs that were done
    taken: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Machines:
    """The page."""

    hosts: tuple[Host, ...]
    estimates: tuple[Estimate, ...]


def machines(book: Book) -> Machines:
    """Return what the page shows."""
    linked = links(book)
    names = sorted({duty.host for duty in book.duties})
    nights = sorted({duty.night for duty in book.duties}, key=naming.key)
    hosts = tuple(_host(name, [each for each in book.duties if each.host == name], nights, linked) for name in names)
    estimates = (_estimate(chapter, linked) for chapter in book.chapters)
    return Machines(hosts=hosts, estimates=tuple(each for each in estimates if each.jobs))


def _host(name: str, duties: Sequence[Duty], nights: Sequence[str], linked: Links) -> Host:
    ordered = sorted(duties, key=lambda duty: naming.key(duty.night))
    places = across(nights)
    return Host(
        name=name,
        plots=tuple(plot(_trend(name, what, unit, value, ordered), places) for what, unit, value in _DRAWN),
        rows=tuple(Row(night=linked.day(duty.night), duty=duty) for duty in reversed(ordered)),
    )


def _trend(host: str, what: str, unit: str, value: _Value, duties: Sequence[Duty]) -> Trend:
    """Return a figure of duties as if it was a metric, to be drawn as one."""
    where = Where(kernel="", profile="", shape="")
    measure = Measure(where=where, workload=host, name=what, unit=unit or "1", kind=MetricKind.TIME)
    points = tuple(Point(night=duty.night, commit="", values=(float(value(duty)),)) for duty in duties)
    return Trend(measure=measure, points=points)


def _estimate(chapter: Chapter, linked: Links) -> Estimate:
    done = [(job.expected, job.taken) for job in chapter.jobs if job.taken is not None]
    return Estimate(
        night=linked.day(chapter.night.id),
        jobs=len(done),
        expected=sum(expected for expected, _ in done),
        taken=sum(taken for _, taken in done),
    )
