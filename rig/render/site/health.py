"""Workloads that can't be trusted, and how all of them went lately. No I/O."""

from collections.abc import Sequence
from dataclasses import dataclass

from rig.memory.values import Health, Record
from rig.render.site import naming
from rig.render.site.book import Book
from rig.render.site.links import Link, links
from rig.render.site.strip import Bar, Strip


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A workload under a profile."""

    health: Health
    since: Link | None  # night it is quarantined since
    passed: int
    failed: int
    other: int
    strip: Strip


def rows(book: Book) -> tuple[Row, ...]:
    """Return all workloads by profile: the quarantined first, then by how flaky they are."""
    judged = {(each.workload, each.profile): each for each in book.healths}
    pairs = dict.fromkeys((*judged, *sorted({(each.workload, each.where.profile) for each in book.records})))
    made = [_row(book, judged.get(pair) or Health(workload=pair[0], profile=pair[1], flaky=0.0)) for pair in pairs]
    return tuple(sorted(made, key=lambda row: (not row.health.quarantined, -row.health.flaky, row.health.workload)))


def _row(book: Book, health: Health) -> Row:
    mine = [each for each in book.records if (each.workload, each.where.profile) == (health.workload, health.profile)]
    nights = sorted({each.night for each in book.records}, key=naming.key)
    return Row(
        health=health,
        since=links(book).day(health.quarantined) if health.quarantined else None,
        passed=sum(each.passed for each in mine),
        failed=sum(each.failed for each in mine),
        other=sum(each.other for each in mine),
        strip=_strip(mine, nights),
    )


def _strip(records: Sequence[Record], nights: Sequence[str]) -> Strip:
    bars = tuple(_bar(night, [each for each in records if each.night == night]) for night in nights)
    bad = sum(1 for bar in bars if bar.share)
    return Strip(bars=bars, said=f"failed for no reason that the kernel gave in {bad} of {len(bars)} nights")


def _bar(night: str, records: Sequence[Record]) -> Bar:
    passed, failed = sum(each.passed for each in records), sum(each.failed for each in records)
    name = naming.short(night)
    if not passed + failed:
        return Bar(night=night, share=None, said=f"{name}: no outcome")
    share = round(100 * failed / (passed + failed), 1)
    return Bar(night=night, share=share, said=f"{name}: {failed} of {passed + failed} failed")
