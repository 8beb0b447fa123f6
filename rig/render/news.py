"""What a night's message says: as plain text and a mail, as Markdown, as JSON for webhooks. No I/O.

The text is ASCII of 72 columns; what consoles and commits say is indented, so that no line of it is a trailer, a quote
or a diff to programs that read mail. In Markdown and in a webhook's `text` it stands in code.
"""

import hashlib
import json
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from html import escape
from typing import Any, Literal

from pydantic import TypeAdapter

from rig.memory.values import Night, Tip
from rig.nightly.news import SHORT, Item, Kind, News, Open
from rig.render import excerpt, wording
from rig.render.escape import printable
from rig.render.mail import ascii_only
from rig.render.markdown import block, code

SCHEMA: Literal[1] = 1
WIDTH = 72  # columns of our own words
LONGEST = 160  # characters of a report's line
MOST_CHARACTERS = 300  # of a title or fact
MOST_ITEMS = 30
MOST_OPEN = 15
MOST_EXAMPLES = 3  # reports shown
MOST_LINES = 15  # of each
MOST_TEXT = 10  # items in a webhook's text
MOST_TOLD = 4  # kinds of news in a subject

_COUNTED: dict[Kind, tuple[str, str]] = {  # as a subject says one, and several
    "new": ("new", "new"),
    "came back": ("came back", "came back"),
    "confirmed": ("confirmed", "confirmed"),
    "fixed": ("fixed", "fixed"),
    "suspected": ("suspected", "suspected"),
    "culprit found": ("explained", "explained"),
    "old": ("old", "old"),
    "step": ("metric changed", "metrics changed"),
    "quarantined": ("quarantined", "quarantined"),
    "returned": ("back from quarantine", "back from quarantine"),
    "known issue expired": ("known issue expired", "known issues expired"),
    "known issue expires soon": ("known issue expires soon", "known issues expire soon"),
    "trouble": ("problem", "problems"),
}
# Chats know mentions and links by these, also in code; an `@` is kept from its name by a character that is not seen.
_CHAT = str.maketrans("<>`&", "‹›'＆") | {ord("@"): "@\u2060"}
_BAD: tuple[Kind, ...] = ("new", "came back", "confirmed")
_OPEN: tuple[Kind, ...] = ("suspected", "trouble", "known issue expired")


def subject(news: News) -> str:
    """Return the gist in one line: "rig nightly 2026-11-23: 1 new, 1 fixed in mainline"."""
    return f"rig nightly {_line(news.night.id)}: {_gist(news)}"


def _gist(news: News) -> str:
    counts = {kind: len(news.of(kind)) for kind in _COUNTED}
    parts = [f"{number} {_COUNTED[kind][number > 1]}" for kind, number in counts.items() if number]
    said = ", ".join(parts[:MOST_TOLD]) + (" and more" if len(parts) > MOST_TOLD else "")
    return f"{said}{_kernels(news)}" if parts else f"all quiet, {len(news.open) or 'nothing'} open"


def _kernels(news: News) -> str:
    names = list(dict.fromkeys(_line(item.kernel) for item in news.items if item.kernel))
    if len(names) > 2:
        return f" in {len(names)} kernels"
    return f" in {' and '.join(names)}" if names else ""


def _line(text: str) -> str:
    return wording.one_line(text)[:MOST_CHARACTERS]


def _page(site: str, item: Item) -> str:
    """Return the address of an item's page on the site; "" if there is none."""
    return f"{site.rstrip('/')}/regressions/{item.regression}.html" if site and item.regression else ""


def _night_page(site: str, news: News) -> str:
    return f"{site.rstrip('/')}/nights/{news.night.id}.html" if site else ""


def _where(item: Item) -> str:
    """Return where to look: a command, and a file of the run's directory."""
    console = f", console {_line(item.console)}" if item.console else ""
    return f"rig show {_line(item.run)}{console}" if item.run else ""


def _example(item: Item, most: int) -> list[str]:
    told = [line[:LONGEST].rstrip() for line in printable(item.example.expandtabs(8)).splitlines()]
    return excerpt.cut([line for line in told if line], most)


def _span(night: Night) -> str:
    began, ended = (datetime.fromisoformat(at).strftime("%H:%M") if at else "" for at in (night.began, night.ended))
    return f"{began} to {ended} UTC" if ended else f"from {began} UTC on"


def _jobs(news: News) -> str:
    more = ((news.left_out, "left out"), (news.failed, "failed"))
    counted = (f"{number} {what}" for number, what in more if number)
    return ", ".join((f"{wording.many(news.done, 'job')} done", *counted))


def _at(tip: Tip) -> str:
    return " ".join(filter(None, (tip.kernel, "at", tip.commit[:SHORT], tip.subject))) + f", against {tip.base}"


# ---- plain text and mail


def text(news: News, site: str = "") -> str:
    """Return the message as plain text; `site` is the address of the site, if there is one."""
    parts = (_prose(f"{subject(news)}, on {news.night.host}."), *_told(news, site), _still(news), _foot(news, site))
    lines = "\n\n".join("\n".join(part) for part in map(list, parts) if part).split("\n")
    return "\n".join(ascii_only(line).rstrip() for line in lines) + "\n"


def _prose(text: str, indent: str = "  ", first: str = "") -> list[str]:
    return textwrap.wrap(
        _line(text),
        WIDTH,
        initial_indent=first,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _told(news: News, site: str) -> Iterator[list[str]]:
    examples = 0
    for item in news.items[:MOST_ITEMS]:
        shown = bool(item.example) and examples < MOST_EXAMPLES
        examples += shown
        yield [*_item(item, site), *(["", *(f"      {line}" for line in _example(item, MOST_LINES))] if shown else ())]
    if len(news.items) > MOST_ITEMS:
        yield [f"and {len(news.items) - MOST_ITEMS} more"]


def _item(item: Item, site: str) -> Iterator[str]:
    kernel = f" in {_line(item.kernel)}" if item.kernel else ""
    number = f" (regression {item.regression})" if item.regression else ""
    yield from _prose(f"{item.kind.upper()}{kernel}{number}")
    yield from _prose(item.title, "    ", "  ")
    for fact in (*item.facts, _where(item), _page(site, item)):
        yield from _prose(fact, "      ", "    ") if fact else ()


def _still(news: News) -> list[str]:
    lines = [line for each in news.open[:MOST_OPEN] for line in _prose(_standing(each), "      ", "  ")]
    more = [f"  and {len(news.open) - MOST_OPEN} more"] if len(news.open) > MOST_OPEN else []
    return [f"Open ({len(news.open)}):", *lines, *more] if lines else []


def _standing(each: Open) -> str:
    known = f"; known: {each.known}" if each.known else ""
    return f"{each.regression}: {each.kernel}: {_line(each.title)} ({each.standing}, since {each.opened}{known})"


def _foot(news: News, site: str) -> Iterator[str]:
    for tip in news.tips:
        yield from _prose(f"{_at(tip)}.")
    if news.quarantined:
        yield from _prose(f"In quarantine: {', '.join(news.quarantined)}.")
    yield from _prose(f"{_jobs(news)}, {_span(news.night)}.")
    if site:
        yield f"All of it: {_line(_night_page(site, news))}"


def message(news: News, sender: str, to: Iterable[str], site: str = "") -> EmailMessage:
    """Return the mail. One about regressions of a single earlier night alone goes into the thread of its mail."""
    made = EmailMessage()
    made["Subject"] = ascii_only(subject(news))
    made["From"] = sender
    made["To"] = ", ".join(to)
    made["Date"] = format_datetime(datetime.fromisoformat(news.night.ended or news.night.began))
    made["Message-ID"] = _id(news.night.id, news.night.host, sender)
    made["Auto-Submitted"] = "auto-generated"
    earlier = _earlier(news)
    if earlier:
        references = [_id(night, news.night.host, sender) for night in earlier]
        made["References"] = " ".join(references)
        if len(earlier) == 1 and all(item.opened in earlier for item in news.items if item.regression):
            made["In-Reply-To"] = references[0]
    made.set_content(text(news, site), charset="us-ascii", cte="7bit")
    return made


def _id(night: str, host: str, sender: str) -> str:
    """Return the Message-ID of a night's mail, which later ones can name without having kept it."""
    digest = hashlib.sha256(f"{host}\n{night}".encode()).hexdigest()[:16]
    domain = parseaddr(sender)[1].rpartition("@")[2]
    return f"<rig-nightly.{digest}@{domain or 'rig.invalid'}>"


def _earlier(news: News) -> list[str]:
    """Return the nights in which regressions that are told of today opened, the oldest first, at most five."""
    return sorted({item.opened for item in news.items if item.opened and item.opened != news.night.id})[-5:]


# ---- Markdown


def markdown(news: News, site: str = "") -> str:
    """Return the message as Markdown."""
    items = news.items[:MOST_ITEMS]
    more = f"and {len(news.items) - MOST_ITEMS} more" if len(news.items) > MOST_ITEMS else ""
    examples = [item for item in items if item.example][:MOST_EXAMPLES]
    parts = (
        f"### {_mark(news)} rig nightly {code(news.night.id)}\n\n{code(_gist(news))}",
        "\n".join(_marked(item, site) for item in items),
        more,
        *(_folded(item) for item in examples),
        _markdown_open(news),
        "\n".join(f"- {code(line)}" for line in _facts(news)),
        f"[All of it](<{_night_page(site, news)}>)" if site else "",
    )
    return "\n\n".join(filter(None, parts)) + "\n"


def _mark(news: News) -> str:
    if news.of(*_BAD):
        return "❌"
    return "⚠️" if news.of(*_OPEN) else "✅"


def _marked(item: Item, site: str) -> str:
    page = _page(site, item)
    kernel = f" in {code(item.kernel)}" if item.kernel else ""
    number = f" ([regression {item.regression}](<{page}>))" if page else ""
    facts = "".join(f"\n  - {code(fact)}" for fact in (*item.facts, _where(item)) if fact)
    return f"- **{item.kind}**{kernel}: {code(item.title)}{number}{facts}"


def _folded(item: Item) -> str:
    summary = escape(_line(item.title))
    said = block(_example(item, MOST_LINES * 4))
    return f"<details><summary><code>{summary}</code></summary>\n\n{said}\n\n</details>"


def _markdown_open(news: News) -> str:
    lines = [f"- {code(_standing(each))}" for each in news.open[:MOST_OPEN]]
    more = [f"- and {len(news.open) - MOST_OPEN} more"] if len(news.open) > MOST_OPEN else []
    return "\n".join((f"**Open** ({len(news.open)}):\n", *lines, *more)) if lines else ""


def _facts(news: News) -> Iterator[str]:
    yield from map(_at, news.tips)
    if news.quarantined:
        yield f"in quarantine: {', '.join(news.quarantined)}"
    yield f"{_jobs(news)}, {_span(news.night)}, on {news.night.host}"


# ---- JSON


@dataclass(frozen=True, slots=True, kw_only=True)
class Told(Item):
    """An item with its page on the site."""

    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Jobs:
    """How many jobs of the night came to what."""

    done: int
    left_out: int
    failed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """What a webhook gets. Fields are only ever added, and never change their meaning."""

    schema: Literal[1]
    source: Literal["rig nightly"]
    text: str  # for chats that show nothing else
    subject: str
    url: str  # of the night on the site; "" if there is none
    night: Night
    kernels: tuple[Tip, ...]
    items: tuple[Told, ...]
    open: tuple[Open, ...]
    jobs: Jobs
    quarantined: tuple[str, ...]


_DOCUMENT = TypeAdapter(Document)


def document(news: News, site: str = "") -> dict[str, Any]:
    """Return the message as plain values for JSON."""
    made: dict[str, Any] = _DOCUMENT.dump_python(
        Document(
            schema=SCHEMA,
            source="rig nightly",
            text=_chat(news, site),
            subject=subject(news),
            url=_night_page(site, news),
            night=news.night,
            kernels=news.tips,
            items=tuple(_with_page(item, site) for item in news.items),
            open=news.open,
            jobs=Jobs(done=news.done, left_out=news.left_out, failed=news.failed),
            quarantined=news.quarantined,
        ),
        mode="json",
    )
    return made


def to_json(news: News, site: str = "") -> str:
    """Return the document as indented JSON."""
    return json.dumps(document(news, site), indent=2) + "\n"


def _with_page(item: Item, site: str) -> Told:
    return Told(url=_page(site, item), **{name: getattr(item, name) for name in Item.__slots__})


def _chat(news: News, site: str) -> str:
    """Return a few lines for a chat."""
    told = [f"{item.kind}{_of(item)}: `{_plain(item.title)}`" for item in news.items[:MOST_TEXT]]
    more = [f"and {len(news.items) - MOST_TEXT} more"] if len(news.items) > MOST_TEXT else []
    return "\n".join((_plain(subject(news)), *told, *more, *filter(None, (_night_page(site, news),))))


def _of(item: Item) -> str:
    return f" in {_plain(item.kernel)}" if item.kernel else ""


def _plain(said: str) -> str:
    return _line(said).translate(_CHAT)
