"""What `rig selfcheck` found, as lines, tables and JSON. No I/O."""

import json
from collections.abc import Iterable

from rich.console import Group
from rich.table import Table
from rich.text import Text

from rig.model import Check, KnownBad, kind
from rig.render.escape import printable

SCHEMA = 1


def told(done: Check) -> str:
    """Return one line about a check."""
    if done.finding:
        when = "" if done.after is None else f" after {done.after:.1f} s"
        return f"{done.known.name}: caught{when}: {done.finding.title}"
    instead = f"; instead: {'; '.join(done.others)}" if done.others else ""
    return f"{done.known.name}: not caught (expected {' or '.join(done.known.expected)}){instead}; run {done.run}"


def summary(checks: tuple[Check, ...]) -> Group:
    """Return the table of all, which detectors have spoken, and how many were caught."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for column in ("known-bad kernel", "", "seen as", "workload", "after", "in", "sure"):
        table.add_column(column, overflow="fold")
    for done in checks:
        table.add_row(*_row(done))
    return Group(table, Text(), *(Text(line) for line in _words(checks)))


def _row(done: Check) -> tuple[Text | str, ...]:
    caught = Text("caught", style="green") if done.finding else Text("missed", style="red" if done.missed else "yellow")
    seen = done.finding.title if done.finding else f"expected {done.known.expected[0]}"
    return (
        done.known.name,
        caught,
        Text(printable(seen)),
        where(done.known),
        "" if done.after is None else f"{done.after:.1f} s",
        f"{done.hits} of {done.trials}" if done.trials else "",
        done.known.sure,
    )


def where(known: KnownBad) -> str:
    """Return what shows a known-bad kernel: a workload under a profile, or being built or booted."""
    place = known.workloads[0] if known.workloads else "none"
    return place if known.profile == "sanitize" else f"{place} ({known.profile})"


def _words(checks: tuple[Check, ...]) -> Iterable[str]:
    caught = sum(done.finding is not None for done in checks)
    kinds = dict.fromkeys(kind(done.finding.title) for done in checks if done.finding)
    missed = dict.fromkeys(kind(done.known.expected[0]) for done in checks if not done.finding)
    silent = [each for each in missed if each not in kinds]
    yield f"{caught} of {len(checks)} caught; missed although sure: {sum(done.missed for done in checks)}"
    yield f"work here: {', '.join(kinds) or 'nothing'}"
    if silent:
        yield f"not seen to work here: {', '.join(silent)}"


def markdown(checks: tuple[Check, ...]) -> str:
    """Return the table for a README."""
    rows = [
        (
            f"`{done.known.name}`",
            f"`{done.finding.title}`" if done.finding else f"missed: `{done.known.expected[0]}`",
            where(done.known),
            "" if done.after is None else f"{done.after:.1f} s",
            f"{done.hits} of {done.trials}" if done.trials else "",
            done.known.sure,
        )
        for done in checks
    ]
    head = ("kernel", "seen as", "workload", "after", "in", "sure")
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (head, ("---",) * len(head), *rows)) + "\n"


def to_json(checks: tuple[Check, ...]) -> str:
    """Return all there is to know, for programs."""
    return json.dumps({"schema": SCHEMA, "checks": [_record(done) for done in checks]}, indent=2) + "\n"


def _record(done: Check) -> dict[str, object]:
    known = done.known
    return {
        "name": known.name,
        "subject": known.subject,
        "expected": known.expected,
        "workload": known.workloads[0] if known.workloads else None,
        "profile": known.profile,
        "sure": known.sure,
        "caught": done.finding is not None,
        "title": done.finding.title if done.finding else None,
        "others": done.others,
        "hits": done.hits,
        "trials": done.trials,
        "after": done.after,
        "seconds": done.seconds,
        "run": done.run or None,
    }
