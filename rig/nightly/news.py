"""What changed in a night: what there is to tell people. No I/O."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import chain
from typing import Literal, get_args

from rig.memory.values import ChangePoint, Health, Job, Measure, Night, Regression, Tip, Trend
from rig.nightly import known
from rig.nightly.known import KnownIssue
from rig.nightly.regressions import CERTAIN
from rig.suspects import percent

Kind = Literal[
    "new",
    "came back",
    "suspected",
    "confirmed",
    "culprit found",
    "old",  # a finding seen for the first time that the release shows too
    "fixed",
    "step",
    "quarantined",
    "returned",
    "known issue expired",
    "known issue expires soon",
    "trouble",
]
KINDS: tuple[Kind, ...] = get_args(Kind)  # in the order in which they are told
# What stays the same for many nights: told when it is first so, and with the weekly sign of life.
LASTING: tuple[Kind, ...] = ("known issue expired", "known issue expires soon", "trouble")
SIGN_OF_LIFE = timedelta(days=7)
MOST_STEPS = 12  # metrics of one workload that are named
SHORT = 12  # characters of a commit's hash


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One thing that changed. `title` and `facts` hold what consoles and commits say, as they say it."""

    kind: Kind
    title: str  # of a finding, WORKLOAD/METRIC, a workload, a known issue's pattern, what is wrong
    facts: tuple[str, ...] = ()  # each a line in plain words
    kernel: str = ""  # "" where it is of none
    profiles: tuple[str, ...] = ()
    workloads: tuple[str, ...] = ()
    regression: int = 0  # its number; 0 if it is none
    opened: str = ""  # the night a regression was first seen in, or came back
    commit: str = ""  # that brought it, or the first known to show it
    run: str = ""  # the run's ID, to look into, with
    console: str = ""  # a file name in the run's directory
    example: str = ""  # the report's text, of a new finding
    known: str = ""  # the reason of a known issue that it fits
    link: str = ""  # of that issue
    change: float | None = None  # of a step, relative to before


@dataclass(frozen=True, slots=True, kw_only=True)
class Open:
    """A regression that is open after the night."""

    regression: int
    kernel: str
    title: str
    standing: str
    opened: str
    known: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """What a night's message says."""

    night: Night
    tips: tuple[Tip, ...]
    items: tuple[Item, ...]  # in the order of KINDS
    open: tuple[Open, ...]  # the newest first
    done: int  # jobs
    left_out: int
    failed: int
    quarantined: tuple[str, ...]  # "WORKLOAD under PROFILE"

    def of(self, *kinds: Kind) -> tuple[Item, ...]:
        """Return the items of these kinds."""
        return tuple(item for item in self.items if item.kind in kinds)


def news(
    night: Night,
    *,
    today: date,
    tips: Sequence[Tip] = (),
    jobs: Sequence[Job] = (),
    before: Iterable[Regression] = (),
    after: Sequence[Regression] = (),
    trends: Iterable[Trend] = (),
    healths_before: Iterable[Health] = (),
    healths_after: Sequence[Health] = (),
    issues: Sequence[KnownIssue] = (),
    problems: Sequence[str] = (),
) -> News:
    """Return what changed in `night`.

    `before` and `after` are the regressions as they were before it and are now; what opened, closed or got its commit
    tonight says so itself, so that `before` only tells which suspicions were confirmed. `trends` have among their
    changes only those not told of before. `problems` are further ones beside the night's notes.
    """
    marked = {each.number: known.fitting(each, issues, today) for each in after}
    items = chain(
        _regressions(night, jobs, before, after, marked),
        _steps(trends),
        _healths(healths_before, healths_after),
        _issues(issues, today),
        _troubles(night, jobs, after, problems),
    )
    states = [job.state for job in jobs]
    return News(
        night=night,
        tips=tuple(tips),
        items=tuple(sorted(items, key=lambda item: KINDS.index(item.kind))),
        open=tuple(_open(after, marked)),
        done=states.count("done"),
        left_out=states.count("left out"),
        failed=states.count("failed"),
        quarantined=tuple(f"{each.workload} under {each.profile}" for each in healths_after if each.quarantined),
    )


# ---- whether to tell


def due(news: News, last_told: str, today: date) -> bool:
    """Say whether to send a message: on change, a week after the last one, never twice of one night.

    `last_told` is what `told` returned for the last one that was sent; "" if there is none.
    """
    day, night, lasting = _parted(last_told)
    if night == news.night.id:
        return False
    return _changed(news, lasting) or day is None or today - day >= SIGN_OF_LIFE


def _parted(last_told: str) -> tuple[date | None, str, list[str]]:
    """Return day, night and digests; no day for what is none, as then nobody is known to have been told."""
    words = last_told.split()
    try:
        day = date.fromisoformat(words[0])
    except (IndexError, ValueError):
        day = None
    return day, "".join(words[1:2]), words[2:]


def told(news: News, today: date) -> str:
    """Return what to remember of a message that was sent: the day, the night, and digests of what may last."""
    return " ".join((today.isoformat(), news.night.id, *sorted({_digest(item) for item in news.of(*LASTING)})))


def _changed(news: News, lasting: Sequence[str]) -> bool:
    return any(item.kind not in LASTING or _digest(item) not in lasting for item in news.items)


def _digest(item: Item) -> str:
    return hashlib.sha256(f"{item.kind}\n{item.title}".encode()).hexdigest()[:SHORT]


# ---- regressions

Marks = dict[int, KnownIssue | None]


def _regressions(
    night: Night, jobs: Sequence[Job], before: Iterable[Regression], after: Iterable[Regression], marked: Marks
) -> Iterator[Item]:
    searches = {job.run for job in jobs if job.kind == "bisect" and job.run}
    was = {each.number: each for each in before}
    for each in after:
        kind = _kind(night, each, was.get(each.number), searches)
        if kind:
            yield _regression(kind, each, marked[each.number])


def _kind(night: Night, now: Regression, was: Regression | None, searches: set[str]) -> Kind | None:
    """Return what became of a regression tonight; the most that can be said, as it is told once."""
    if not now.open:
        return "fixed" if now.closed == night.id else None
    if now.opened == night.id:
        return _opened(now)
    if was and was.standing == "suspected" and now.standing == "confirmed":
        return "confirmed"
    if now.culprit and now.bisection in searches and (was is None or not was.culprit):
        return "culprit found"
    return None


def _opened(now: Regression) -> Kind:
    if now.standing == "old":
        return "old"
    if now.first_seen != now.opened:
        return "came back"
    return "new" if now.standing == "confirmed" else "suspected"


def _regression(kind: Kind, now: Regression, issue: KnownIssue | None) -> Item:
    facts = (_seen(now), *_facts(kind, now), f"known: {issue.reason} ({issue.link})" if issue else "")
    return Item(
        kind=kind,
        title=now.title,
        facts=tuple(filter(None, facts)),
        kernel=now.kernel,
        profiles=now.profiles,
        workloads=now.workloads,
        regression=now.number,
        opened=now.opened,
        commit=now.culprit or now.bad,
        run=_run(now),
        console=now.console if _run(now) == now.run else "",
        example=now.example if kind in ("new", "came back", "suspected") else "",
        known=issue.reason if issue else "",
        link=issue.link if issue else "",
    )


def _seen(now: Regression) -> str:
    places = f"under {', '.join(now.profiles)}, {', '.join(now.workloads)}"
    if not now.observations:
        return places
    last = now.observations[-1]
    what = "build" if now.type in CERTAIN else "boot"
    return f"{last.hits} of {last.trials} {what}{'' if last.trials == 1 else 's'} {places}"


def _facts(kind: Kind, now: Regression) -> Iterator[str]:
    if now.standing == "suspected" and now.open:
        yield "not yet shown to be new: the release may do it too"
    elif now.standing == "old" and now.open:
        yield "the release does it too"
    if kind == "came back":
        yield f"first seen in the night {now.first_seen}"
    if kind == "fixed":
        yield f"open since {now.opened}, last seen {now.last_seen}"
    if now.culprit:
        yield f"came with {now.culprit}" + (f" ({percent(now.odds)} sure)" if now.odds is not None else "")
    elif now.open and now.bad and now.standing != "old":
        yield (
            f"came after {now.good[:SHORT]}, with {now.bad[:SHORT]} at the latest"
            if now.good
            else (f"came with {now.bad[:SHORT]} or before")
        )


def _run(now: Regression) -> str:
    """Return a run to look into: the last one that showed it."""
    showing = [each.runs[-1] for each in now.observations if each.runs]
    return showing[-1] if showing else now.run


def _open(after: Iterable[Regression], marked: Marks) -> Iterator[Open]:
    for each in sorted(after, key=lambda regression: regression.number, reverse=True):
        if each.open:
            issue = marked[each.number]
            yield Open(
                regression=each.number,
                kernel=each.kernel,
                title=each.title,
                standing=each.standing,
                opened=each.opened,
                known=issue.reason if issue else "",
            )


# ---- everything else


def _steps(trends: Iterable[Trend]) -> Iterator[Item]:
    """Yield the steps, those of one workload between the same commits as one."""
    together: dict[tuple[object, ...], list[tuple[Measure, ChangePoint]]] = {}
    for trend in trends:
        what = trend.measure
        for change in trend.changes:
            key = what.where, what.workload, change.night, change.good, change.bad
            together.setdefault(key, []).append((what, change))
    yield from map(_step, together.values())


def _step(steps: Sequence[tuple[Measure, ChangePoint]]) -> Item:
    (measure, change), one = steps[0], len(steps) == 1
    where = measure.where
    between = f"after {change.good[:SHORT]}, with {change.bad[:SHORT]} at the latest" if change.bad else ""
    since = f"since the night {change.night}, under {where.profile}, {where.shape}"
    told = [_size(each, size, named=not one) for each, size in steps[:MOST_STEPS]]
    more = f"and {len(steps) - MOST_STEPS} more" if len(steps) > MOST_STEPS else ""
    return Item(
        kind="step",
        title=f"{measure.workload}/{measure.name}" if one else f"{measure.workload}: {len(steps)} metrics",
        facts=tuple(filter(None, (*told, more, since, between))),
        kernel=where.kernel,
        profiles=(where.profile,),
        workloads=(measure.workload,),
        commit=change.bad,
        change=change.change if one else None,
    )


def _size(measure: Measure, change: ChangePoint, *, named: bool) -> str:
    """Return from what to what a metric stepped, and how sure that is."""
    size = "" if change.change is None else f" ({change.change:+.1%})"
    unit = f" {measure.unit}" if measure.unit else ""
    chance = "" if change.p_value is None else f"; chance would do as much once in {1 / change.p_value:,.0f}"
    return f"{measure.name}: " * named + f"{change.before:g} to {change.after:g}{unit}{size}{chance}"


def _healths(before: Iterable[Health], after: Iterable[Health]) -> Iterator[Item]:
    was = {(each.workload, each.profile): bool(each.quarantined) for each in before}
    for each in after:
        if bool(each.quarantined) != was.get((each.workload, each.profile), False):
            came = f"comes back after {each.returns}" if each.quarantined else "its failures count again"
            yield Item(
                kind="quarantined" if each.quarantined else "returned",
                title=f"{each.workload} under {each.profile}",
                facts=tuple(filter(None, (each.why, came))),
                profiles=(each.profile,),
                workloads=(each.workload,),
            )


def _issues(issues: Sequence[KnownIssue], today: date) -> Iterator[Item]:
    told: tuple[tuple[Kind, tuple[KnownIssue, ...], str], ...] = (
        ("known issue expired", known.expired(issues, today), "expired"),
        ("known issue expires soon", known.expiring(issues, today), "expires"),
    )
    for kind, meant, verb in told:
        for issue in meant:
            facts = f"{verb} {issue.expires}: renew the entry or take it out", f"its reason: {issue.reason}"
            yield Item(kind=kind, title=issue.title, facts=facts, known=issue.reason, link=issue.link)


def _troubles(
    night: Night, jobs: Iterable[Job], after: Iterable[Regression], problems: Iterable[str]
) -> Iterator[Item]:
    """Yield what kept the night from looking at all it was to look at, but for builds that are told as regressions."""
    broken = {each.kernel for each in after if each.open and each.type in CERTAIN}
    for note in dict.fromkeys((*night.notes, *problems)):
        yield Item(kind="trouble", title=note)
    for job in jobs:
        if job.state == "failed" and not (job.where.kernel in broken and job.unbuilt):
            yield _failed(job)


def _failed(job: Job) -> Item:
    where = job.where
    about = f", {job.kind} of {job.title}" if job.title else ""
    return Item(
        kind="trouble",
        title=f"the job for {where.kernel}, {where.profile}, {where.shape}{about} failed",
        facts=tuple(filter(None, (job.why,))),
        kernel=where.kernel,
        profiles=(where.profile,),
        workloads=job.workloads,
        run=job.run,
    )
