"""What stays the same when a bug returns. No I/O."""

from rig.model import Report


def key(report: Report) -> frozenset[str]:
    """Return all the titles a bug is known by."""
    return frozenset((report.title, *report.alt_titles))


def same(one: Report, other: Report) -> bool:
    """Say whether two reports are of the same bug: they have a title in common."""
    return not key(one).isdisjoint(key(other))
