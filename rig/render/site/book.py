"""All that a site is made of. No I/O."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from rig.memory.values import Cell, Duty, Health, Job, Night, Record, Regression, Tip, Trend


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Why a regression is known already, as the list of known issues says."""

    reason: str
    link: str = ""
    expires: str = ""  # date
    expired: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Chapter:
    """A night with what it did."""

    night: Night
    tips: tuple[Tip, ...] = ()
    jobs: tuple[Job, ...] = ()
    cells: tuple[Cell, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """The nights, the newest first, and what goes through all of them."""

    chapters: tuple[Chapter, ...] = ()
    regressions: tuple[Regression, ...] = ()
    known: Mapping[int, Known] = field(default_factory=dict)  # by number of regression
    trends: tuple[Trend, ...] = ()
    healths: tuple[Health, ...] = ()
    records: tuple[Record, ...] = ()
    duties: tuple[Duty, ...] = ()
    reports: frozenset[str] = frozenset()  # IDs of runs whose report pages are part of the site

    @property
    def nights(self) -> tuple[str, ...]:
        """Return the IDs of all nights, the oldest first."""
        return tuple(chapter.night.id for chapter in reversed(self.chapters))
