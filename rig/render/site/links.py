"""Links between pages: only to those that the site has. No I/O."""

from collections.abc import Iterable
from dataclasses import dataclass

from rig.render.site import naming
from rig.render.site.book import Book


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """Text that leads somewhere; `href` is from the root of the site, "" if there is no such page."""

    text: str
    href: str = ""


@dataclass(frozen=True, slots=True)
class Links:
    """What of nights and runs can be linked."""

    nights: frozenset[str]
    reports: frozenset[str]

    def day(self, id: str) -> Link:
        """Return a night by its whole date."""
        return Link(text=naming.day(id), href=self._night(id))

    def short(self, id: str) -> Link:
        """Return a night by day and month."""
        return Link(text=naming.short(id), href=self._night(id))

    def run(self, id: str) -> Link:
        """Return a run by its ID."""
        return Link(text=id, href=naming.report(id) if id in self.reports else "")

    def runs(self, ids: Iterable[str]) -> tuple[Link, ...]:
        """Return several runs."""
        return tuple(map(self.run, ids))

    def _night(self, id: str) -> str:
        return naming.night(id) if id in self.nights else ""


def links(book: Book) -> Links:
    """Return what can be linked in the site made of `book`."""
    return Links(frozenset(book.nights), book.reports)
