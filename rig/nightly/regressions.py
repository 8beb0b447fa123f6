"""Findings over the nights: they open when they are seen, and close when they are shown to be gone. No I/O."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import chain

from rig import statistics
from rig.compare import COMPILER
from rig.memory.values import Observation, Regression, Standing, Where
from rig.model import Finding, FindingStatus

# What one look settles: it is there or not, whatever the night.
CERTAIN = ("BUILD", "APPLY", COMPILER)
STANDINGS: dict[FindingStatus, Standing] = {
    FindingStatus.NEW: "confirmed",
    FindingStatus.MORE_OFTEN: "confirmed",
    FindingStatus.SEEN: "confirmed",
    FindingStatus.INCONCLUSIVE: "suspected",
    FindingStatus.MASKED: "suspected",
    FindingStatus.BOTH: "old",
    FindingStatus.LESS_OFTEN: "old",
}
MOST_TO_VERIFY = 20  # trials


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A finding of a kernel's side in one run of the night."""

    where: Where
    run: str
    finding: Finding

    @property
    def titles(self) -> frozenset[str]:
        """Return all its titles."""
        return frozenset((self.finding.title, *self.finding.alt_titles))


@dataclass(frozen=True, slots=True, kw_only=True)
class Tonight:
    """The night that is added to what is known."""

    night: str
    commits: Mapping[str, str]  # of the kernels that ran, by name; "" for one of no git source
    able: Callable[[Regression], int]  # trials of tonight that could have shown it


def fold(known: Iterable[Regression], seen: Iterable[Seen], tonight: Tonight) -> tuple[Regression, ...]:
    """Return what the night makes of what is known: all of it that changed, and what is new."""
    there = tuple(known)
    found = [each for each in seen if each.finding.status in STANDINGS and _hits(each)]
    again, new = _parted(there, sorted(found, key=lambda each: list(STANDINGS).index(each.finding.status)))
    quiet = (each for number, each in enumerate(there) if number not in again)
    waiting = (each for each in quiet if each.open and each.kernel in tonight.commits)
    return (
        *(_again(there[number], group, tonight) for number, group in again.items()),
        *(_opened(group, tonight) for group in new),
        *(later for each in waiting if (later := _silent(each, tonight)) is not each),
    )


def missing(regression: Regression) -> int | None:
    """Return how many more trials without it would show that it is gone; 0 if it is, None for too many."""
    shown, quiet = _counts(regression)
    if regression.type in CERTAIN:
        return 0 if quiet else 1
    for more in range(MOST_TO_VERIFY + 1):
        if statistics.sure(statistics.more_often((0, quiet + more), shown)):
            return more
    return None


def _hits(seen: Seen) -> int:
    return seen.finding.patched.hits or (seen.finding.status is FindingStatus.SEEN and seen.finding.base.hits)


def _parted(known: tuple[Regression, ...], found: list[Seen]) -> tuple[dict[int, list[Seen]], list[list[Seen]]]:
    """Return what is seen again, by place in `known`, and what is new, that of one finding together."""
    again: dict[int, list[Seen]] = {}
    new: list[list[Seen]] = []
    for each in found:
        old = next((number for number, other in enumerate(known) if _same(other, each)), None)
        if old is not None:
            again.setdefault(old, []).append(each)
        else:
            alike = [group for group in new if _alike(group, each)]
            new = [*(group for group in new if group not in alike), [*chain(*alike), each]]
    return again, new


def _alike(group: list[Seen], other: Seen) -> bool:
    return group[0].where.kernel == other.where.kernel and any(one.titles & other.titles for one in group)


def _same(regression: Regression, seen: Seen) -> bool:
    return regression.kernel == seen.where.kernel and bool(regression.titles & seen.titles)


def _opened(group: list[Seen], tonight: Tonight) -> Regression:
    first = group[0]
    new = Regression(
        number=0,
        kernel=first.where.kernel,
        title=first.finding.title,
        type=first.finding.type,
        standing=STANDINGS[first.finding.status],
        open=True,
        profiles=(),
        shapes=(),
        workloads=(),
        opened=tonight.night,
        first_seen=tonight.night,
        last_seen=tonight.night,
        bad=tonight.commits.get(first.where.kernel, ""),
        run=first.run,
        console=first.finding.console,
        offset=first.finding.offset,
        example=first.finding.example,
    )
    return _added(new, group, tonight)


def _again(old: Regression, group: list[Seen], tonight: Tonight) -> Regression:
    """Return a finding that is seen again; one that was closed is open anew."""
    if old.open:
        return _added(old, group, tonight)
    bad = tonight.commits.get(old.kernel, "")
    back = replace(old, open=True, opened=tonight.night, closed="", bad=bad, good="", culprit="", odds=None)
    return _added(replace(back, bisection=""), group, tonight)


def _added(regression: Regression, group: list[Seen], tonight: Tonight) -> Regression:
    """Return a regression with tonight's sightings of it."""
    findings = [seen.finding for seen in group]
    titles = frozenset().union(regression.titles, *(seen.titles for seen in group)) - {regression.title}
    workloads = (name for finding in findings for name in finding.workload.split(", "))
    grown = replace(
        regression,
        alt_titles=tuple(sorted(titles)),
        standing=_standing(regression, findings, tonight),
        profiles=_joined(regression.profiles, (seen.where.profile for seen in group)),
        shapes=_joined(regression.shapes, (seen.where.shape for seen in group)),
        workloads=_joined(regression.workloads, workloads),
        last_seen=tonight.night,
    )
    hits = sum(map(_hits, group))
    counted = sum(max(finding.patched.trials, finding.patched.hits) for finding in findings)
    return _observed(grown, hits, max(hits, counted, tonight.able(grown)), tuple(seen.run for seen in group), tonight)


def _standing(regression: Regression, findings: list[Finding], tonight: Tonight) -> Standing:
    """Return the surest word of tonight; a doubt does not take back what was shown."""
    said = {STANDINGS[finding.status] for finding in findings}
    if "old" in said and "confirmed" not in said:
        return "old"
    if "confirmed" in said:
        return "confirmed"
    return "suspected" if regression.opened == tonight.night else regression.standing


def _silent(regression: Regression, tonight: Tonight) -> Regression:
    """Return a regression that tonight did not show, if it could have: closed if that shows that it is gone."""
    trials = tonight.able(regression)
    if not trials:
        return regression
    later = _observed(regression, 0, trials, (), tonight)
    gone = missing(later) == 0
    return replace(later, open=False, closed=tonight.night) if gone else later


def _observed(regression: Regression, hits: int, trials: int, runs: tuple[str, ...], tonight: Tonight) -> Regression:
    """Return a regression with tonight's observation, in the place of what was known of tonight before."""
    commit = tonight.commits.get(regression.kernel, "")
    new = Observation(night=tonight.night, commit=commit, hits=hits, trials=trials, runs=runs)
    before = (each for each in regression.observations if each.night != tonight.night)
    return replace(regression, observations=(*before, new))


def _joined(known: tuple[str, ...], more: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*known, *more)))


def _counts(regression: Regression) -> tuple[tuple[int, int], int]:
    """Return hits and trials since it opened, and the trials without it since it was last seen.

    On the commit that showed it last, silence only makes it rarer.
    """
    since = [each for each in regression.observations if each.night >= regression.opened]
    last = next((each for each in reversed(since) if each.hits), None)
    if last is None:
        return (0, 0), 0
    place = since.index(last)
    after = [each for each in since[place + 1 :] if not last.commit or each.commit != last.commit]
    shown = [each for each in since if each not in after]
    return (sum(each.hits for each in shown), sum(each.trials for each in shown)), sum(each.trials for each in after)
