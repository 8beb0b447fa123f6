"""KTAP, in which the kernel's tests say how they went, to cases. No I/O.

Documentation/dev-tools/ktap.rst. Of nested tests the innermost count, under the names of those around them.
"""

import re
from collections import deque
from dataclasses import replace

from rig.model import Case, Status

VERSION = re.compile(r"K?TAP version \d+")
PLAN = re.compile(r"1\.\.(\d+)(?:\s+#.*)?")
RESULT = re.compile(
    r"(?P<failed>not )?ok\b(?: +(?P<number>\d+))?(?: +-)?(?: +(?P<name>.*?))??"
    r"(?: *# *(?P<directive>SKIP|TODO|XFAIL|TIMEOUT|ERROR)\b[ :-]*(?P<reason>.*))?",
    re.IGNORECASE,
)
SECONDS = re.compile(r"seconds: (\d+(?:\.\d+)?)")  # what images/ktap-run says about a test, as no directive does
SKIPPED_ALL = re.compile(r"1\.\.0 # SKIP[ :-]*(.*)", re.IGNORECASE)  # the plan of a test that can't run
SAID = 12  # lines before a result that are its reason, if it needs one
DIRECTIVES = {"SKIP": Status.SKIP, "TODO": Status.SKIP, "XFAIL": Status.SKIP, "ERROR": Status.ERROR}


class Reader:
    """Reads line by line; all before the first version line is none of its business."""

    def __init__(self) -> None:
        self._begun = False
        self._planned = self._came = 0  # outermost tests
        self._inner: dict[int, tuple[Case, ...]] = {}  # by indentation, until the test around them has ended
        self._said: deque[str] = deque(maxlen=SAID)
        self._seconds = 0.0

    @property
    def missing(self) -> int:
        """Return how many tests the plan promises that gave no result."""
        return max(self._planned - self._came, 0)

    def feed(self, line: str) -> tuple[Case, ...]:
        """Take the next line and return the cases it brings to their end."""
        text = line.strip()
        if VERSION.fullmatch(text):
            self._begun = True
        elif self._begun and (found := RESULT.fullmatch(text)):
            return self._ended(len(line) - len(line.lstrip()), found)
        elif self._begun:
            self._take_note(line, text)
        return ()

    def _take_note(self, line: str, text: str) -> None:
        said = text.removeprefix("#").strip()
        if plan := PLAN.fullmatch(line.rstrip()):
            self._planned = int(plan[1])
        elif seconds := SECONDS.fullmatch(said):
            self._seconds = float(seconds[1])
        elif said:
            self._said.append(said)

    def _ended(self, depth: int, found: re.Match[str]) -> tuple[Case, ...]:
        outer = self._case(found)
        inside = tuple(each for inner in sorted(self._inner) if inner > depth for each in self._inner.pop(inner))
        cases = tuple(replace(each, name=f"{outer.name}.{each.name}") for each in inside)
        if not inside or (outer.status.failed and not any(each.status.failed for each in inside)):
            cases = (*cases, outer)
        self._said.clear()
        self._seconds = 0.0
        if depth:
            self._inner[depth] = (*self._inner.get(depth, ()), *cases)
            return ()
        self._came += 1
        return cases

    def _case(self, found: re.Match[str]) -> Case:
        directive = (found["directive"] or "").upper()
        status = DIRECTIVES.get(directive, Status.FAIL if found["failed"] else Status.PASS)
        given = (found["reason"] or "").strip()
        return Case(
            name=found["name"] or f"test {found['number'] or self._came + 1}",
            status=status,
            reason=self._reason(status, given),
            seconds=self._seconds,
        )

    def _reason(self, status: Status, given: str) -> str:
        """Return why, in what the result says or else what came before it."""
        if status.failed:
            return "\n".join((*filter(None, (given,)), *self._said))
        if status is Status.PASS:
            return ""
        all_skipped = [skipped[1] for line in self._said if (skipped := SKIPPED_ALL.fullmatch(line))]
        return given or next(reversed([*list(self._said)[-1:], *all_skipped]), "")
