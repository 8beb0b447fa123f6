"""The pages of metrics: one for each workload at a place, and the list of all steps. No I/O."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from rig.memory.values import Trend, Where
from rig.render.site import naming
from rig.render.site.book import Book
from rig.render.site.evening import StepRow, steps
from rig.render.site.links import Link, Links, links
from rig.render.site.plot import Plot, across, plot


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A workload at a place: its page, and how often its metrics stepped."""

    link: Link
    metrics: int
    steps: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A line in the list of places."""

    name: str
    workloads: tuple[Measured, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """The page that lists all."""

    steps: tuple[StepRow, ...]  # the newest first
    places: tuple[Place, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """One metric, with links to the nights of its steps and of its table."""

    plot: Plot
    steps: tuple[Link, ...]
    rows: tuple[Link, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trends:
    """The page of a workload at a place."""

    path: str
    where: Where
    workload: str
    first: str  # nights at both ends of the drawings
    last: str
    changed: tuple[Drawn, ...]
    steady: tuple[Drawn, ...]


def overview(book: Book) -> Overview:
    """Return what the list shows."""
    linked = links(book)
    dated = [(change.night, trend) for trend in book.trends for change in trend.changes]
    nights = sorted({night for night, _ in dated}, key=naming.key, reverse=True)
    found = (row for night in nights for row in steps([trend for at, trend in dated if at == night], linked, night))
    return Overview(steps=tuple(dict.fromkeys(found)), places=tuple(_places(book)))


def _places(book: Book) -> Iterator[Place]:
    for where, those in groupby(_by_place(book), key=lambda pair: pair[0][0]):
        workloads = tuple(_measured(where, workload, trends) for (_, workload), trends in those)
        yield Place(name=naming.place(where), workloads=workloads)


def _measured(where: Where, workload: str, trends: Sequence[Trend]) -> Measured:
    link = Link(text=workload, href=naming.metrics(where, workload))
    return Measured(link=link, metrics=len(trends), steps=sum(len(trend.changes) for trend in trends))


def trends(book: Book) -> Iterator[Trends]:
    """Yield the page of each workload at each place."""
    linked = links(book)
    for (where, workload), those in _by_place(book):
        nights = sorted({point.night for trend in those for point in trend.points}, key=naming.key)
        places = across(nights)
        drawn = [_drawn(plot(trend, places), linked) for trend in those]
        yield Trends(
            path=naming.metrics(where, workload),
            where=where,
            workload=workload,
            first=naming.short(nights[0]) if nights else "",
            last=naming.short(nights[-1]) if nights else "",
            changed=tuple(each for each in drawn if each.steps),
            steady=tuple(each for each in drawn if not each.steps),
        )


def _drawn(made: Plot, linked: Links) -> Drawn:
    return Drawn(
        plot=made,
        steps=tuple(linked.short(step.night) for step in made.steps),
        rows=tuple(linked.short(row.night) for row in made.rows),
    )


def _by_place(book: Book) -> Iterator[tuple[tuple[Where, str], tuple[Trend, ...]]]:
    def key(trend: Trend) -> tuple[str, str, str, str]:
        where = trend.measure.where
        return where.kernel, where.profile, where.shape, trend.measure.workload

    ordered = sorted(book.trends, key=lambda trend: (*key(trend), trend.measure.name))
    for _, those in groupby(ordered, key=key):
        found = tuple(those)
        yield (found[0].measure.where, found[0].measure.workload), found
