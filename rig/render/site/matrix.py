"""The matrix of a night as a heat map: a row for each place, a column for each workload. No I/O."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from rig.memory.values import Cell, Regression, Where
from rig.model import Status
from rig.render.html.grid import STATUSES, Kind
from rig.render.site import naming
from rig.render.site.book import Book, Chapter

FORGOTTEN = 14  # nights after which a place that never runs is left out

FAILED = Kind(letter="F", word="failed", tone="bad")
KNOWN = Kind(letter="K", word="known", tone="doubt")
PASSED = STATUSES[Status.PASS]
NOT_RUN = Kind(letter="–", word="not run", tone="idle")
# What counts if outcomes of one cell differ: the first of these that is there.
_ORDER = (Status.FAIL, Status.PASS, Status.DONE, Status.ERROR, Status.MISS, Status.SKIP)
_TONES = ("bad", "doubt", "good", "idle")

_Spot = tuple[Where, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A cell of the map; `kind` is None where nothing is known of that workload at that place."""

    kind: Kind | None = None
    since: str = ""  # "since 18 Nov", of what did not run "ran 18 Nov"
    said: str = ""  # all of it, in words
    href: str = ""  # from the root of the site; "" if there is nothing to lead to


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What ran at one place."""

    where: Where
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    """The map of one night."""

    workloads: tuple[str, ...] = ()
    groups: tuple[tuple[str, tuple[Row, ...]], ...] = ()  # by kernel
    legend: tuple[Kind, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _State:
    """How it stands with a cell of the map after some nights."""

    kind: Kind
    since: str  # night
    last: str  # night it last ran in, and
    ran: int  # which one that was of all


def matrices(book: Book) -> tuple[Matrix, ...]:
    """Return the heat map of each night, in the order of the book's chapters."""
    accepted = _accepted(book)
    states: dict[_Spot, _State] = {}
    made = []
    for number, chapter in enumerate(reversed(book.chapters)):
        cells = {(cell.where, cell.workload): cell for cell in chapter.cells}
        for spot, cell in cells.items():
            states[spot] = _after(states.get(spot), _kind(cell, accepted), chapter.night.id, number)
        shown = {spot: state for spot, state in states.items() if number - state.ran < FORGOTTEN}
        made.append(_matrix(chapter, cells, shown, book.reports))
    return tuple(reversed(made))


def _accepted(book: Book) -> frozenset[tuple[str, str]]:
    """Return the kernels and titles that are no news: the release shows them too, or somebody said so."""
    known = (each for each in book.regressions if each.standing == "old" or _stands(book, each))
    return frozenset((each.kernel, title) for each in known for title in each.titles)


def _stands(book: Book, it: Regression) -> bool:
    issue = book.known.get(it.number)
    return issue is not None and not issue.expired


def _kind(cell: Cell, accepted: frozenset[tuple[str, str]]) -> Kind:
    """Return what came of a cell; several outcomes count as the worst."""
    if cell.findings:
        return KNOWN if all((cell.where.kernel, title) in accepted for title in cell.findings) else FAILED
    there = dict(cell.statuses)
    return next((STATUSES[status] for status in _ORDER if there.get(status)), NOT_RUN)


def _after(before: _State | None, kind: Kind, night: str, number: int) -> _State:
    if before and before.kind == kind:
        return replace(before, last=night, ran=number)
    return _State(kind=kind, since=night, last=night, ran=number)


def _matrix(
    chapter: Chapter, cells: Mapping[_Spot, Cell], states: Mapping[_Spot, _State], reports: frozenset[str]
) -> Matrix:
    workloads = tuple(sorted({workload for _, workload in states}))
    rows = []
    for where in _ordered({where for where, _ in states}, chapter):
        spots = ((where, workload) for workload in workloads)
        fields = tuple(
            _field(spot, cells.get(spot), states[spot], reports) if spot in states else Field() for spot in spots
        )
        rows.append(Row(where=where, fields=fields))
    groups = tuple((kernel, tuple(those)) for kernel, those in groupby(rows, key=lambda row: row.where.kernel))
    return Matrix(workloads=workloads, groups=groups, legend=_legend(rows))


def _ordered(places: Iterable[Where], chapter: Chapter) -> list[Where]:
    """Return places with kernels in the order of the plan."""
    kernels = [tip.kernel for tip in chapter.tips]

    def key(where: Where) -> tuple[int, str, str, str]:
        at = kernels.index(where.kernel) if where.kernel in kernels else len(kernels)
        return at, where.kernel, where.profile, where.shape

    return sorted(places, key=key)


def _legend(rows: Sequence[Row]) -> tuple[Kind, ...]:
    used = dict.fromkeys(field.kind for row in rows for field in row.fields if field.kind)
    return tuple(sorted(used, key=lambda kind: (_TONES.index(kind.tone), kind.letter)))


def _field(spot: _Spot, cell: Cell | None, state: _State, reports: frozenset[str]) -> Field:
    where, workload = spot
    if cell:
        kind, since = state.kind, f"since {naming.short(state.since)}"
    else:
        kind, since = NOT_RUN, f"ran {naming.short(state.last)}"
    before = "" if cell else f"{state.kind.word} then"
    parts = (f"{naming.place(where)}, {workload}: {kind.word}", since, before, *_told(cell))
    return Field(kind=kind, since=since, said="; ".join(filter(None, parts)), href=_href(cell, reports))


def _told(cell: Cell | None) -> Iterable[str]:
    if cell is None:
        return ()
    counted = ", ".join(f"{number} {status}" for status, number in cell.statuses if number)
    return (*filter(None, (counted,)), *cell.findings)


def _href(cell: Cell | None, reports: frozenset[str]) -> str:
    """Return the newest report page of a run that the cell is of; "" if there is none."""
    there = [run for run in (cell.runs if cell else ()) if run in reports]
    return naming.report(max(there)) if there else ""
