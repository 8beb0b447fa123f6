"""Where pages are, and how nights, places and commits are called on them. No I/O."""

import hashlib
import re
from collections.abc import Iterable
from datetime import date
from urllib.parse import quote

from rig.memory.values import Regression, Where

INDEX = "index.html"
NIGHTS = "nights/index.html"
REGRESSIONS = "regressions/index.html"
METRICS = "metrics/index.html"
HEALTH = "health.html"
MACHINES = "machines.html"

_UNSAFE = re.compile(r"[^A-Za-z0-9._+-]+")
_NIGHT = re.compile(r"(\d{4}-\d\d-\d\d)(?:-(\d{1,6}))?")
_HASH = re.compile(r"[0-9a-f]{40,64}")
_LONGEST = 120  # characters of a file name that come from names


def night(id: str) -> str:
    """Return the page of a night."""
    return f"nights/{_file(id)}.html"


def regression(number: int) -> str:
    """Return the page of a regression."""
    return f"regressions/{number}.html"


def metrics(where: Where, workload: str) -> str:
    """Return the page of all that a workload measures at a place."""
    return f"metrics/{_file(where.kernel, where.profile, where.shape, workload)}.html"


def report(run: str) -> str:
    """Return the report page of a run."""
    return f"runs/{quote(run, safe='')}/report.html"


def anchor(text: str) -> str:
    """Return an id for a place on a page: the same for the same text, another for another."""
    return _file(text)


def _file(*names: str) -> str:
    """Return names as a file name; those that have to be changed for it get a digest, so that no two fall together."""
    plain = "~".join(_UNSAFE.sub("-", name).strip(".-") for name in names)[:_LONGEST]
    exact = "~".join(names)
    return plain if plain == exact else f"{plain}~{hashlib.sha256(repr(names).encode()).hexdigest()[:8]}"


def key(id: str) -> tuple[str, int]:
    """Return what orders nights by their IDs."""
    found = _NIGHT.fullmatch(id)
    return (found[1], int(found[2] or 1)) if found else (id, 0)


def day(id: str) -> str:
    """Return a night as people call it: "20 November 2026"; as it is if it is no date."""
    return _named(id, "%d %B %Y")


def short(id: str) -> str:
    """Return a night as it is called where there is little room: "20 Nov"."""
    return _named(id, "%d %b")


def _named(id: str, form: str) -> str:
    found = _NIGHT.fullmatch(id)
    try:
        which = f" ({found[2]})" if found and found[2] else ""
        return f"{date.fromisoformat(found[1]):{form}}".lstrip("0") + which if found else id
    except ValueError:
        return id


def commit(name: str) -> str:
    """Return a commit as short as people write it."""
    return name[:12] if _HASH.fullmatch(name) else name


def place(where: Where) -> str:
    """Return a place of the matrix in words."""
    return " · ".join((where.kernel, where.profile, where.shape))


def seen_at(it: Regression) -> str:
    """Return where a regression was seen, in words."""
    return " · ".join(filter(None, map(_several, (it.profiles, it.shapes, it.workloads))))


def _several(names: Iterable[str]) -> str:
    return ", ".join(names)


def between(good: str, bad: str) -> str:
    """Return the commits after `good` up to `bad`, as git calls them; "" if neither is known."""
    if good and bad:
        return f"{commit(good)}..{commit(bad)}"
    return f"{commit(bad)} or before" if bad else ""
