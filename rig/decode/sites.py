"""The places in code that a console line names as `function+0xOFFSET/0xSIZE [module]`. No I/O."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from rig.model import Report

_SITE = re.compile(
    r"(?<![\w.$])([A-Za-z_][\w.$]*)\+0x([0-9a-f]{1,8})/0x([0-9a-f]{1,8})(?!\w)(?: \[([\w-]+)(?: [0-9a-f]+)?\])?",
    re.ASCII,
)
_EXACT = re.compile(r"\s*(?:[REN]?IP|e?pc|PC is at)\b[^+]*", re.ASCII)
_BEFORE_FRAME = re.compile(r"\s*(?:\[<?[0-9a-f]+>?\]\s*)*", re.ASCII)
_SYMBOLIZED = re.compile(r"[\w/-]\.(?:[chS]|rs):\d", re.ASCII)


@dataclass(frozen=True, slots=True)
class Site:
    """A place in a function. `exact` says that it is what was being executed, and not what will be returned to."""

    function: str
    offset: int
    size: int
    module: str = ""
    exact: bool = False


@dataclass(frozen=True, slots=True)
class Mention:
    """A site and where a line names it; `leads` if the line is about nothing else, as a stack frame is."""

    site: Site
    end: int
    leads: bool


def mentions(line: str) -> Iterator[Mention]:
    """Yield the sites that a line names; none if it says files and lines already."""
    if "+0x" not in line or _SYMBOLIZED.search(line):
        return
    for found in _SITE.finditer(line):
        exact = _EXACT.fullmatch(line, 0, found.start()) is not None
        site = Site(found[1], int(found[2], 16), int(found[3], 16), found[4] or "", exact)
        yield Mention(site, found.end(), exact or _BEFORE_FRAME.fullmatch(line, 0, found.start()) is not None)


def sites(report: Report) -> Iterator[Site]:
    """Yield the sites of a report, as often as it names them."""
    return (one.site for line in report.text.split("\n") for one in mentions(line))
