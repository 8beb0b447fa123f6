"""All pages of a site, each with what it is made of, so that only what changed is made again. No I/O."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache

from jinja2 import Environment

from rig.render.html import templating
from rig.render.html.templating import source
from rig.render.site import health, history, machines, naming, search, trends
from rig.render.site.book import Book
from rig.render.site.evening import Evening, Recent, evenings
from rig.render.site.links import Link, links

NEAR = 30  # nights in the row of the last ones


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A file of the site: where it is, what of it may change, and how it is made."""

    path: str  # from the root of the site
    digest: str  # of all that its text comes from
    text: Callable[[], str]


def pages(book: Book) -> Iterator[Page]:
    """Yield all files of the site made of `book`."""
    yield _plain("site.css", source(_page_environment(), "page.css") + source(_templates(), "site.css"))
    yield _plain("site.js", source(_templates(), "site.js"))
    yield _plain("search.js", search.script(book))
    nights = evenings(book)
    newest = replace(nights[0], recent=_recent(nights)) if nights else None
    yield _page(naming.INDEX, "night", "Tonight", newest)
    yield _page(naming.NIGHTS, "nights", "Nights", nights and _recent(nights, len(nights)))
    for each in nights:
        yield _page(naming.night(each.night.id), "night", f"Night of {each.day}", each)
    yield from _regressions(book)
    yield from _metrics(book)
    yield _page(naming.HEALTH, "health", "Flaky workloads", health.rows(book))
    yield _page(naming.MACHINES, "machines", "Machines", machines.machines(book))


def _regressions(book: Book) -> Iterator[Page]:
    linked = links(book)
    yield _page(naming.REGRESSIONS, "regressions", "Regressions", history.listing(book))
    for each in book.regressions:
        yield _page(naming.regression(each.number), "regression", each.title, history.history(book, each, linked))


def _metrics(book: Book) -> Iterator[Page]:
    yield _page(naming.METRICS, "metrics", "Metrics", trends.overview(book))
    for each in trends.trends(book):
        yield _page(each.path, "trends", f"{each.workload}, {naming.place(each.where)}", each)


def _recent(nights: tuple[Evening, ...], most: int = NEAR) -> tuple[Recent, ...]:
    """Return the last nights, the oldest first, as far as there are pages of them."""
    return tuple(map(_short, reversed(nights[:most])))


def _short(each: Evening) -> Recent:
    id = each.night.id
    link = Link(text=naming.short(id), href=naming.night(id))
    return Recent(link=link, day=each.day, state=each.night.state, tone=each.tone, said=each.headline)


def _plain(path: str, text: str) -> Page:
    return Page(path=path, digest=_digest(text), text=lambda: text)


def _page(path: str, template: str, title: str, view: object) -> Page:
    """Return a page of `view`, which holds all that differs between it and others of its kind."""
    digest = _digest(_version(), path, template, title, repr(view))
    return Page(path=path, digest=digest, text=lambda: _filled_in(path, template, title, view))


def _filled_in(path: str, template: str, title: str, view: object) -> str:
    """Return the text, which is ASCII, so that it means the same in whatever encoding it is served."""
    found = _templates().get_template(f"{template}.html.jinja")
    text = found.render(path=path, root="../" * path.count("/"), title=title, view=view)
    return text.encode("ascii", "xmlcharrefreplace").decode()


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()


@cache
def _version() -> str:
    """Return what changes with the templates."""
    made = _templates()
    return _digest(*(source(made, name) for name in sorted(made.list_templates()) if name.endswith(".jinja")))


@cache
def _page_environment() -> Environment:
    return templating.environment("rig.render.html")


@cache
def _templates() -> Environment:
    made = templating.environment("rig.render.site")
    made.globals |= {"naming": naming}
    made.filters |= {"commit": naming.commit}
    return made
