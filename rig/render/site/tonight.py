"""What of the regressions opened, came back, closed or stayed in a night. No I/O."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from rig.memory.values import Regression, Standing
from rig.render.html.grid import Tone
from rig.render.site import naming
from rig.render.site.book import Book, Known
from rig.render.site.links import Link, Links, links
from rig.render.site.strip import NEAR, Strip, rate, strip
from rig.suspects import percent

Turn = Literal["opened", "came back", "closed", "open", "old"]
HEADINGS: dict[Turn, str] = {
    "opened": "Opened",
    "came back": "Came back",
    "closed": "Closed",
    "open": "Still open",
    "old": "The release shows it too",
}
TONES: dict[Turn, Tone] = {"opened": "bad", "came back": "bad", "closed": "good", "open": "doubt", "old": "idle"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A regression as a night's page lists it."""

    number: int
    title: str
    kernel: str
    standing: Standing
    tone: Tone
    places: str
    tonight: str  # "3 of 6 trials"
    before: str  # likewise, in the last night that looked for it; "" if there is none
    since: Link  # night it opened in
    closed: Link | None  # night it closed in, if it had by then
    suspects: str
    known: Known | None
    strip: Strip


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Regressions that took the same turn."""

    turn: Turn
    heading: str
    entries: tuple[Entry, ...]


def groups(book: Book, night: str) -> tuple[Group, ...]:
    """Return all that a night says about regressions, what is new first; groups of nothing are left out."""
    nights = [each for each in book.nights if naming.key(each) <= naming.key(night)]
    linked = links(book)
    taken: dict[Turn, list[Entry]] = {turn: [] for turn in HEADINGS}
    for each in book.regressions:
        if (which := turn(each, night)) is not None:
            taken[which].append(entry(each, nights, _tone(each, which), book.known.get(each.number), linked))
    found = ((which, tuple(those)) for which, those in taken.items() if those)
    return tuple(Group(turn=which, heading=HEADINGS[which], entries=those) for which, those in found)


def _tone(it: Regression, which: Turn) -> Tone:
    """Return the colour of a turn: bad is only what is known to be."""
    return "doubt" if TONES[which] == "bad" and it.standing == "suspected" else TONES[which]


def turn(it: Regression, night: str) -> Turn | None:
    """Return what `it` did in a night; None if it was not there."""
    now = naming.key(night)
    if it.closed == night:
        return "closed"
    if not _there(it, night):
        return None
    if it.standing == "old":
        return "old"
    if it.first_seen == night:
        return "opened"
    return "came back" if it.opened == night else "open" if now >= naming.key(it.first_seen) else None


def _there(it: Regression, night: str) -> bool:
    """Whether it was open in a night: in what is its last spell, or because it was seen."""
    now = naming.key(night)
    spell = naming.key(it.opened) <= now and (not it.closed or now < naming.key(it.closed))
    return spell or any(each.night == night and each.hits for each in it.observations)


def entry(it: Regression, nights: Sequence[str], tone: Tone, known: Known | None, linked: Links) -> Entry:
    """Return `it` as it is listed after the last of `nights`, the oldest of which comes first."""
    observed = {each.night: each for each in it.observations}
    earlier = [observed[night] for night in nights[:-1] if night in observed]
    return Entry(
        number=it.number,
        title=it.title,
        kernel=it.kernel,
        standing=it.standing,
        tone=tone,
        places=naming.seen_at(it),
        tonight=rate(observed.get(nights[-1]) if nights else None),
        before=rate(earlier[-1]) if earlier else "",
        since=linked.short(it.opened),
        closed=linked.short(it.closed) if _over(it, nights) else None,
        suspects=suspects(it),
        known=known,
        strip=strip(it, nights, NEAR),
    )


def _over(it: Regression, nights: Sequence[str]) -> bool:
    return bool(it.closed and nights and naming.key(it.closed) <= naming.key(nights[-1]))


def suspects(it: Regression) -> str:
    """Return which commit brought it in, or among which it is, as far as that is known."""
    if it.culprit:
        return f"{it.culprit} ({percent(it.odds)} sure)" if it.odds is not None else it.culprit
    return naming.between(it.good, it.bad)
