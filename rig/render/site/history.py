"""The pages of regressions: the list of all, and one for each. No I/O."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rig.memory.values import Observation, Regression
from rig.render.html.grid import Tone
from rig.render.site import naming
from rig.render.site.book import Book, Known
from rig.render.site.links import Link, Links, links
from rig.render.site.strip import FAR, Strip, strip
from rig.render.site.tonight import Entry, entry, suspects


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A night of its history."""

    night: Link
    commit: str
    hits: int
    trials: int
    runs: tuple[Link, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """The page of one regression."""

    number: int
    title: str
    alt_titles: tuple[str, ...]
    tone: Tone
    state: str
    facts: tuple[tuple[str, Link], ...]
    suspects: str
    good: str
    bad: str
    culprit: str
    odds: float | None
    bisection: Link
    known: Known | None
    strip: Strip
    seen: tuple[Seen, ...]  # the newest night first
    run: Link
    console: str
    offset: int
    example: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """The page that lists all."""

    open: tuple[Entry, ...]
    old: tuple[Entry, ...]
    closed: tuple[Entry, ...]


def tone(it: Regression) -> Tone:
    """Return the colour of a regression."""
    if not it.open:
        return "good"
    tones: dict[str, Tone] = {"confirmed": "bad", "suspected": "doubt", "old": "idle"}
    return tones[it.standing]


def listing(book: Book) -> Listing:
    """Return all regressions, those last seen first."""
    linked = links(book)

    def those(given: Iterable[Regression]) -> tuple[Entry, ...]:
        ordered = sorted(given, key=lambda each: (naming.key(each.last_seen), each.number), reverse=True)
        return tuple(entry(each, book.nights, tone(each), book.known.get(each.number), linked) for each in ordered)

    return Listing(
        open=those(each for each in book.regressions if each.open and each.standing != "old"),
        old=those(each for each in book.regressions if each.open and each.standing == "old"),
        closed=those(each for each in book.regressions if not each.open),
    )


def history(book: Book, it: Regression, linked: Links) -> History:
    """Return the page of one."""
    ordered = sorted(it.observations, key=lambda each: naming.key(each.night), reverse=True)
    return History(
        number=it.number,
        title=it.title,
        alt_titles=it.alt_titles,
        tone=tone(it),
        state=_state(it),
        facts=tuple((name, link) for name, link in _facts(it, linked) if link.text),
        suspects=suspects(it),
        good=it.good,
        bad=it.bad,
        culprit=it.culprit,
        odds=it.odds,
        bisection=linked.run(it.bisection),
        known=book.known.get(it.number),
        strip=strip(it, _since(it, book.nights), FAR),
        seen=tuple(_seen(each, linked) for each in ordered),
        run=linked.run(it.run),
        console=it.console,
        offset=it.offset,
        example=it.example,
    )


def _since(it: Regression, nights: Sequence[str]) -> tuple[str, ...]:
    """Return the nights in which somebody looked for it, and those after them."""
    first = min((naming.key(each.night) for each in it.observations), default=naming.key(it.first_seen))
    return tuple(night for night in nights if naming.key(night) >= first)


def _state(it: Regression) -> str:
    if not it.open:
        return "closed"
    return {"confirmed": "open", "suspected": "suspected", "old": "in the release too"}[it.standing]


def _facts(it: Regression, linked: Links) -> tuple[tuple[str, Link], ...]:
    hits = sum(each.hits for each in it.observations)
    trials = sum(each.trials for each in it.observations)
    return (
        ("kernel", Link(text=it.kernel)),
        ("type", Link(text=it.type)),
        ("standing", Link(text=it.standing)),
        ("seen in", Link(text=f"{hits} of {trials} trials" if trials else "")),
        ("first seen", linked.day(it.first_seen)),
        ("last seen", linked.day(it.last_seen)),
        ("came back", linked.day(it.opened) if it.opened != it.first_seen else Link(text="")),
        ("closed", linked.day(it.closed)),
        ("profiles", Link(text=", ".join(it.profiles))),
        ("guest shapes", Link(text=", ".join(it.shapes))),
        ("workloads", Link(text=", ".join(it.workloads))),
    )


def _seen(each: Observation, linked: Links) -> Seen:
    return Seen(
        night=linked.day(each.night),
        commit=each.commit,
        hits=each.hits,
        trials=each.trials,
        runs=linked.runs(each.runs),
    )
