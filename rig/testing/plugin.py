"""The pytest plugin that gives tests their guest, and the rig their results."""

import json
import os
from collections.abc import Generator, Iterator
from dataclasses import asdict, replace
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from rig.model import Case, Status
from rig.testing.guest import Guest, connected
from rig.workloads import CASE, ERROR, SKIP, UNFINISHED

GUEST = "RIG_GUEST"  # the variable that names the file with the guest's address
LONGEST = 300  # characters of a name or reason
WORSE = (Status.PASS, Status.SKIP, Status.ERROR, Status.FAIL)  # from good to bad
OUT = os.dup(1)  # pytest captures what tests print, and begins before it asks any plugin


# ---- what tests get


@pytest.fixture(scope="session")
def guest() -> Iterator[Guest]:
    """The booted guest (rig.testing.Guest), the same for all tests."""
    if GUEST not in os.environ:
        pytest.skip("there is no guest: `rig run KERNEL -w ./FILE` boots one")
    with connected(Path(os.environ[GUEST]).read_text(), os.environ) as found:
        yield found


@pytest.fixture
def guest_path(guest: Guest, request: pytest.FixtureRequest) -> Iterator[PurePosixPath]:
    """A directory in the guest for this test alone, removed afterwards."""
    with guest.directory(request.node.name) as path:
        yield path


@pytest.fixture(autouse=True)
def _marked(request: pytest.FixtureRequest) -> Iterator[None]:
    """Mark on the console where a test begins, and end the session with the guest."""
    if "guest" not in request.fixturenames:
        yield
        return
    found: Guest = request.getfixturevalue("guest")
    try:
        found.begin(request.node.name)
        yield
    finally:
        if not found.alive:
            request.session.shouldstop = "the guest is gone"


# ---- what the rig gets


class Results:
    """Says on stdout what becomes of each test, in the lines of a workload."""

    def __init__(self, *, mixed: bool) -> None:
        self._start = "\n" if mixed else ""  # of a line of ours: others may leave theirs without an end
        self._cases: dict[str, Case] = {}  # by pytest's id; several at a time where tests run in parallel

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Take a test for failed until it is over: it may take guest and rig with it."""
        case = Case(name=nodeid.partition("::")[2][:LONGEST], status=Status.PASS)
        self._cases[nodeid] = case
        self._tell(replace(case, status=Status.FAIL, reason=UNFINISHED))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take set-up, call and teardown of a test; the worst counts, and of two the first."""
        case = self._cases[report.nodeid]
        status, reason = judged(report)
        if WORSE.index(status) > WORSE.index(case.status):
            case = replace(case, status=status, reason=reason)
        self._cases[report.nodeid] = replace(case, seconds=case.seconds + report.duration)

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        """Say how the test ended."""
        self._tell(self._cases.pop(nodeid))

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Say why there are no tests."""
        if report.failed:
            self._line(ERROR + _complaint(report.longreprtext))
        elif report.skipped:
            self._line(SKIP + _skipped(report))

    @pytest.hookimpl(wrapper=True)
    def pytest_report_teststatus(self) -> Generator[None, tuple[str, str, str], tuple[str, str, str]]:
        """Leave out pytest's own dots."""
        category, _, word = yield
        return category, "", word

    def _tell(self, case: Case) -> None:
        self._line(CASE + json.dumps(asdict(replace(case, seconds=round(case.seconds, 3)))))

    def _line(self, text: str) -> None:
        os.write(OUT, f"{self._start}{text}\n".encode(errors="replace"))


def pytest_configure(config: pytest.Config) -> None:
    """Report the results, once, even where tests are spread over processes (pytest-xdist)."""
    if not hasattr(config, "workerinput"):
        mixed = config.getoption("capture") == "no" or config.get_verbosity() >= 0
        config.pluginmanager.register(Results(mixed=mixed))


def judged(report: pytest.TestReport) -> tuple[Status, str]:
    """Return what one phase of a test came to; an expected failure is a test that was as good as skipped."""
    expected: str | None = getattr(report, "wasxfail", None)
    if report.skipped:
        return Status.SKIP, f"expected to fail: {expected}".rstrip(": ") if expected is not None else _skipped(report)
    if not report.failed:
        return Status.PASS, ""
    if report.when == "call":
        return Status.FAIL, _message(report)
    return Status.ERROR, f"{report.when}: {_message(report)}"


def _skipped(report: pytest.TestReport | pytest.CollectReport) -> str:
    place: Any = report.longrepr
    text = str(place[2]) if isinstance(place, tuple) else str(place)
    return text.removeprefix("Skipped: ")[:LONGEST]


def _message(report: pytest.TestReport) -> str:
    """Return an error's first line and where it was raised."""
    crash = getattr(report.longrepr, "reprcrash", None)
    if not crash:
        return _complaint(report.longreprtext)
    first = next(iter(crash.message.splitlines()), "").removeprefix("rig.testing.guest.")
    return f"{first[:LONGEST]} ({Path(crash.path).name}:{crash.lineno})"


def _complaint(text: str) -> str:
    """Return the last line of an error that pytest shows as such."""
    lines = [line for line in text.splitlines() if line.startswith("E ")] or text.split("\n")[-1:]
    return lines[-1].removeprefix("E ").strip()[:LONGEST]
