"""Patch coverage in short, for formats that have no room for the whole diff. No I/O."""

from collections.abc import Iterator
from dataclasses import dataclass

from rig import coverage
from rig.model import ChangedLine, Coverage
from rig.render import wording
from rig.reports.sightings import BOOT

MOST_MISSED = 12  # lines that are shown
OUTSIDE = "outside of functions"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What ran of one function, in words."""

    where: str  # "kvm_foo()", with the commit if there are several
    file: str
    ran: str  # "41 of 43"
    complete: bool
    never: bool  # none of it ran


@dataclass(frozen=True, slots=True, kw_only=True)
class Short:
    """Coverage in short."""

    title: str
    rows: tuple[Row, ...]
    missed: tuple[ChangedLine, ...]  # lines that have code and never ran, the first ones
    more: str  # how many more of those there are; "" for none
    told: tuple[str, ...]  # what was not measured, and what a reader must know


def short(covered: Coverage) -> Short:
    """Return `covered` in short; its texts are those of the patch, to be escaped by whoever shows them."""
    missed = coverage.missed(covered)
    left = len(missed) - MOST_MISSED
    return Short(
        title=title(covered),
        rows=tuple(_row(row, several=several(covered)) for row in coverage.rows(covered)),
        missed=missed[:MOST_MISSED],
        more=f"and {wording.many(left, 'more line')}" if left > 0 else "",
        told=tuple(_told(covered)),
    )


def title(covered: Coverage) -> str:
    """Return the figures as one line."""
    reached = coverage.share(covered)
    names = ", ".join(name for name in covered.workloads if name != BOOT)
    under = f" under {names}" if names else ""
    return f"{coverage.sentence(covered)}{'' if reached is None else f' ({reached:.0%})'}{under}"


def several(covered: Coverage) -> bool:
    """Say whether the changed lines are of more than one commit."""
    return len({line.commit for line in covered.lines}) > 1


def _row(row: coverage.Row, *, several: bool) -> Row:
    commit = f"commit {row.commit + 1}: " if several else ""
    return Row(
        where=commit + (f"{row.function}()" if row.function else OUTSIDE),
        file=row.file,
        ran=f"{row.ran} of {row.changed}",
        complete=row.ran == row.changed,
        never=row.ran == 0,
    )


def _told(covered: Coverage) -> Iterator[str]:
    yield from covered.notes
    for file, why in covered.unmeasured:
        yield f"not measured: {file}: {why}"
