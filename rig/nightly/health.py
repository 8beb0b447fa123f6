"""Which workloads are flaky and quarantined for it, by rule, from how they went in the last nights. No I/O."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from rig.memory.values import Health, Record

Tally = dict[tuple[str, str], tuple[int, int]]  # how often a workload passed and failed, by tree and shape of guest
WORKLOAD = "WORKLOAD"  # the type of a finding that is a workload's failure without a report


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """When a workload is quarantined under a profile, and when it comes back.

    Give `healths` the records of more nights than any of these, so that it sees when a quarantine began.
    """

    window: int = 7  # nights looked back on; those alone count in which it ran
    nights: int = 2  # of them that were flaky are enough
    share: float = 0.2  # or more outcomes than this being the rarer one, of at least `outcomes`
    outcomes: int = 10
    returns: int = 5  # nights in a row in which it ran and was not flaky


@dataclass(frozen=True, slots=True, kw_only=True)
class _Evening:
    """How a workload went under a profile in one night."""

    night: str
    flaky: bool  # on one tree it went both ways, in this night or by what was seen before
    records: tuple[Record, ...]


RULES = Rules()


def healths(records: Sequence[Record], rules: Rules = RULES) -> tuple[Health, ...]:
    """Return the health of each workload under each profile in `records`, in whatever order these are.

    A workload that goes both ways on one kernel tree, in the same shape of guest, is flaky; one that always fails on a
    tree isn't, as that is the tree's doing.
    """
    keyed = sorted(records, key=lambda record: (record.workload, record.where.profile))
    return tuple(
        _health(workload, profile, tuple(_evenings(tuple(group))), rules)
        for (workload, profile), group in groupby(keyed, key=lambda record: (record.workload, record.where.profile))
    )


def excused(kind: str, workload: str, profile: str, healths: Iterable[Health]) -> bool:
    """Say whether a finding of this type opens no regression: a quarantined workload's own failure.

    A report, a crash or a hang of the kernel is never excused, whatever workload it came under. `workload` is what the
    finding says: several ("a, b") must all be quarantined.
    """
    away = {health.workload for health in healths if health.quarantined and health.profile == profile}
    return kind == WORKLOAD and away.issuperset(workload.split(", "))


def in_order(night: str) -> tuple[str, int]:
    """Return what nights are sorted by: their date, and which of that day they were ("2026-11-23-2")."""
    date, number = night[:10], night[11:]
    return date, int(number) if number.isdecimal() else 1


# ---- one workload under one profile


def _health(workload: str, profile: str, evenings: Sequence[_Evening], rules: Rules) -> Health:
    since, clean = _quarantine(evenings, rules)
    window = evenings[-rules.window :]
    rarer, outcomes = _rarer(window)
    flaky = sum(evening.flaky for evening in window)
    why = f"went both ways on one kernel in {flaky} of its last {len(window)} nights: {rarer} of {outcomes} outcomes"
    returns = f"{rules.returns} nights in a row in which it runs and does not; so far {clean}"
    return Health(
        workload=workload,
        profile=profile,
        flaky=rarer / outcomes if outcomes else 0.0,
        quarantined=since,
        why=why if since or flaky else "",
        returns=returns if since else "",
    )


def _quarantine(evenings: Sequence[_Evening], rules: Rules) -> tuple[str, int]:
    """Return the night since which it is quarantined, "" if it is not, and how many nights in a row were not flaky."""
    since, clean, begin = "", 0, 0
    for number, evening in enumerate(evenings):
        clean = 0 if evening.flaky else clean + 1
        if since and clean >= rules.returns:
            since, begin = "", number + 1  # what it was quarantined for is not held against it again
        elif not since and evening.flaky and _too_flaky(evenings[begin : number + 1][-rules.window :], rules):
            since = evening.night
    return since, clean


def _too_flaky(window: Sequence[_Evening], rules: Rules) -> bool:
    rarer, outcomes = _rarer(window)
    often = outcomes >= rules.outcomes and rarer / outcomes > rules.share
    return often or sum(evening.flaky for evening in window) >= rules.nights


def _rarer(evenings: Iterable[_Evening]) -> tuple[int, int]:
    """Return how many outcomes, on trees that showed both, are the rarer one, and how many there are."""
    rarer = outcomes = 0
    for passed, failed in _tallied(record for evening in evenings for record in evening.records).values():
        if passed and failed:
            rarer, outcomes = rarer + min(passed, failed), outcomes + passed + failed
    return rarer, outcomes


def _tallied(records: Iterable[Record]) -> Tally:
    """Return how often it passed and failed, by tree and shape. A kernel whose tree is not known says nothing."""
    counted: Tally = {}
    for record in records:
        if record.tree:
            passed, failed = counted.get((record.tree, record.where.shape), (0, 0))
            counted[record.tree, record.where.shape] = passed + record.passed, failed + record.failed
    return counted


def _evenings(records: Sequence[Record]) -> Iterator[_Evening]:
    """Yield the nights in which it passed or failed, in order."""
    ran = sorted((each for each in records if each.passed or each.failed), key=lambda each: in_order(each.night))
    before: list[Record] = []
    for night, group in groupby(ran, key=lambda record: record.night):
        tonight = tuple(group)
        yield _Evening(night=night, flaky=_flaky(_tallied(before), _tallied(tonight)), records=tonight)
        before.extend(tonight)


def _flaky(before: Tally, tonight: Tally) -> bool:
    """Whether a tree went both ways tonight, failed though it had passed before, or passed for the first time."""
    for key, (passed, failed) in tonight.items():
        had_passed, had_failed = before.get(key, (0, 0))
        if (failed and (passed or had_passed)) or (passed and had_failed and not had_passed):
            return True
    return False
