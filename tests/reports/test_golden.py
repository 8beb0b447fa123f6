"""Consoles of real boots: golden/NAME.log, and in golden/NAME.json what they say.

`pytest tests/reports --update-golden` writes the latter; read the difference before committing it.
"""

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from rig.model import Frame, Report
from rig.reports.parse import parse
from tests.reports.logs import QUIET

GOLDEN = sorted((Path(__file__).parent / "golden").glob("*.log"))
MIXED = {"together"}  # two reports line by line: without the first one's start there is nothing to tell it by
KEPT = ("title", "alt_titles", "type", "frame", "corrupted", "context", "lead", "message", "signature")


@pytest.fixture(params=GOLDEN, ids=lambda path: path.stem)
def log(request: pytest.FixtureRequest) -> bytes:
    path: Path = request.param
    return path.read_bytes()


def told(report: Report) -> dict[str, object]:
    kept: dict[str, object] = json.loads(json.dumps({name: getattr(report, name) for name in KEPT}))
    return kept | {
        "access": asdict(report.access) if report.access else None,
        "locks": [asdict(lock) for lock in report.locks],
        "traces": [{trace.what: [_told(frame) for frame in trace.frames]} for trace in report.traces],
        "text": report.text.split("\n"),
    }


def _told(frame: Frame) -> str:
    return ("? " if not frame.reliable else "") + frame.function + (f" [{frame.module}]" if frame.module else "")


def identities(log: bytes) -> list[tuple[object, ...]]:
    return [(report.title, report.alt_titles, report.frame, report.corrupted) for report in parse(log)]


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_a_real_console_says_what_it_always_said(path: Path, update_golden: bool) -> None:
    now = {"reports": [told(report) for report in parse(path.read_bytes())]}
    expected = path.with_suffix(".json")
    if update_golden:
        expected.write_text(json.dumps(now, indent=1) + "\n")
    assert now == json.loads(expected.read_text())


def test_carriage_returns_change_nothing(log: bytes) -> None:
    bare = log.replace(b"\r", b"")
    assert identities(bare.replace(b"\n", b"\r\n")) == identities(bare)


def test_quiet_lines_around_change_nothing(log: bytes) -> None:
    assert identities(QUIET + log + (b"" if log.endswith(b"\n") else b"\n") + QUIET) == identities(log)


@pytest.mark.parametrize("path", [path for path in GOLDEN if path.stem not in MIXED], ids=lambda path: path.stem)
def test_each_report_is_found_again_from_its_start(path: Path) -> None:
    log = path.read_bytes()
    for report in parse(log):
        again = parse(log[report.start :])[0]
        assert (again.title, again.frame, again.end + report.start) == (report.title, report.frame, report.end)


def test_a_cut_anywhere_is_survived(log: bytes) -> None:
    for end in range(0, len(log), max(1, len(log) // 100)):
        parse(log[:end])
        parse(log[end:])
