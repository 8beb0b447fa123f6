"""The reports of console logs as text, JSON or JSON lines. No I/O."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from rich.text import Text

from rig.model import Report
from rig.render import decoded
from rig.render.escape import printable
from rig.reports import traces


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """What one log said; `file` as the user named it."""

    file: str
    reports: tuple[Report, ...]


def as_json(logs: Sequence[Parsed], *, several: bool) -> str:
    """Return one object: the reports of the only log, or those of each of several."""
    found = [_as_dict(log) for log in logs]
    return json.dumps({"files": found} if several else {"reports": found[0]["reports"]}, indent=2) + "\n"


def as_json_line(log: Parsed) -> str:
    """Return one object on one line."""
    return json.dumps(_as_dict(log)) + "\n"


def heading(log: Parsed) -> Text:
    """Return how many reports a log has."""
    count = len(log.reports)
    return Text(f"{printable(log.file)}: {count or 'no'} report{'' if count == 1 else 's'}\n")


def as_text(report: Report) -> Text:
    """Return what a person reads, safe for a terminal: the report alone, without what followed it on the console.

    The lines that name the function to blame stand out.
    """
    told = Text("\n")
    told.append(printable(report.title), style="bold red")
    told.append(f"\n{printable(_facts(report))}\n", style="dim")
    lines = report.text.split("\n")
    for number, line in enumerate((*lines[: report.lead], *traces.own(lines[report.lead :]))):
        told.append(f"    {printable(line)}".rstrip() + "\n", style=_style(report, number, line))
    if report.place:
        told.append("\n").append_text(decoded.place(report.place, report.source))
    return told


def _as_dict(log: Parsed) -> dict[str, object]:
    return {"file": log.file, "reports": [asdict(report) for report in log.reports]}


def _style(report: Report, number: int, line: str) -> str:
    if number < report.lead:
        return "dim"
    if number == report.lead:
        return "red"
    return "bold yellow" if report.frame and f" {report.frame}+" in line.replace(":", " ") else ""


def _facts(report: Report) -> str:
    facts = [
        report.message,
        report.type,
        f"bytes {report.start}-{report.end}",
        report.context and f"context {report.context}",
        report.corrupted and f"corrupted: {report.corrupted_reason}",
        report.suppressed and "suppressed: trouble of the test, not of the kernel",
        report.alt_titles and f"also: {'; '.join(report.alt_titles)}",
        report.signature and f"signature: {report.signature}",
    ]
    return ", ".join(fact for fact in facts if fact)
