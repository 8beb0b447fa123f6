"""What a finding shows of its report. No I/O."""

from collections.abc import Sequence

from rig.model import Finding
from rig.render.escape import printable
from rig.reports import traces

BUILD = "build"  # a workload's name, as findings of the build say it
_IDLE = ("Hardware name:", "Modules linked in:")  # lines that say nothing here


def lines(finding: Finding) -> list[str]:
    """Return the report's lines without those that say nothing by themselves; safe for any plain text."""
    told = printable(finding.example).splitlines()
    return [line for line in told if not (line.startswith(_IDLE) or traces.DUMPED.match(line))]


def cut(given: Sequence[str], most: int) -> list[str]:
    """Return at most `most` of the lines, the last of them saying how many are left out."""
    if len(given) <= most:
        return list(given)
    return [*given[: most - 1], f"… {len(given) - most + 1} more lines"]


def console(finding: Finding) -> str:
    """Return the file with the whole console; "" for what was seen on none."""
    return "" if finding.workload == BUILD else finding.console


def where(finding: Finding) -> str:
    """Return the place to blame as file:line and function; "" if it is not known."""
    if not (place := finding.place):
        return ""
    return printable(f"{place.file}:{place.line}" + (f" in {place.function}" if place.function else ""))
