"""The conventions by example: conventions.txt has consoles of all architectures and ages, and what each is called.

A record is a line `=== what it shows`, what is expected (`title:`, `type:`, `frame:`, `alt:` once each, `corrupted`,
`suppressed`), an empty line, and a console. That is written as printk stamps it for a task, for a CPU, and without
CONFIG_PRINTK_CALLER, unless the record says `as it is`. A record without a title is of a console with no report.
"""

from dataclasses import dataclass
from pathlib import Path

import pytest

from rig.reports.parse import parse
from tests.reports.logs import console

RECORDS = Path(__file__).with_name("conventions.txt").read_text().split("\n=== ")[1:]


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a console says first."""

    title: str = ""
    type: str = ""
    frame: str | None = None
    alt: tuple[str, ...] = ()
    corrupted: bool = False
    suppressed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A console and what is expected of it."""

    name: str
    told: Told
    text: str
    as_it_is: bool


def record(text: str) -> Record:
    head, _, body = text.partition("\n\n")
    name, *lines = head.split("\n")
    said = [(key, value.strip()) for key, _, value in (line.partition(":") for line in lines)]
    assert {key for key, _ in said} <= {"title", "type", "frame", "alt", "corrupted", "suppressed", "as it is"}, name
    one = dict(said)
    told = Told(
        title=one.get("title", ""),
        type=one.get("type", ""),
        frame=one.get("frame"),
        alt=tuple(sorted(value for key, value in said if key == "alt")),
        corrupted="corrupted" in one,
        suppressed="suppressed" in one,
    )
    return Record(name=name, told=told, text=body.rstrip("\n") + "\n", as_it_is="as it is" in one)


def told(log: bytes) -> Told:
    report = next(iter(parse(log)), None)
    if report is None:
        return Told()
    return Told(
        title=report.title,
        type=report.type,
        frame=report.frame,
        alt=report.alt_titles,
        corrupted=report.corrupted,
        suppressed=report.suppressed,
    )


CASES = tuple(map(record, RECORDS))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_it_is_called(case: Record) -> None:
    logs = [case.text.encode()] if case.as_it_is else [console(case.text, caller) for caller in ("T101", "C1", "")]
    for log in logs:
        assert told(log) == case.told
