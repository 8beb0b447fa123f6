"""No regex of the report engine costs more than the square of a line, which is 2 KiB at most, whatever is in it."""

import pkgutil
import re
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from re import _parser  # type: ignore[attr-defined]
from typing import Any

import pytest

import rig.reports
from rig.reports import openings
from rig.reports.console import LONGEST
from rig.reports.rules import Format, Group, Seek

NOT_OF_LINES = ("skips", "titles", "touched", "types")  # they read names, titles, patches
MATCHED = ("console", "details", "traces")  # where regexes are only tried at the start of a line
RUNS = (
    " ",
    "\t",
    "a",
    "0",
    "_",
    ".",
    "<",
    "[",
    "(",
    ":",
    "-",
    "'",
    ",",
    "/",
    "#",
    "+",
    "{",
    "x ",
    " a",
    "0x",
    "[<",
    " in ",
)
SLOW = 0.5e-3  # seconds of CPU; a regex that is done before has nothing to hide
SQUARE, CUBE = 4, 8  # times the cost for twice the line


def patterns() -> Iterator[tuple[str, re.Pattern[Any]]]:
    for module in pkgutil.iter_modules(rig.reports.__path__):
        if module.name not in NOT_OF_LINES:
            for name, value in vars(import_module(f"rig.reports.{module.name}")).items():
                yield from within(f"{module.name}.{name}", value)


def within(name: str, value: object) -> Iterator[tuple[str, re.Pattern[Any]]]:
    if isinstance(value, re.Pattern):
        yield name, value
    elif isinstance(value, tuple | list):
        for number, one in enumerate(value):
            yield from within(f"{name}[{number}]", one)
    elif isinstance(value, Group):
        yield from within(name, (value.ignore, *value.formats))
    elif isinstance(value, Format):
        yield from within(name, (value.trigger, value.needs, value.frame))
    elif isinstance(value, Seek):
        yield name, value.pattern
    elif type(value).__name__ == "_Table":
        yield from within(name, tuple(vars(value).values()))


PATTERNS = tuple({pattern: (name, pattern) for name, pattern in patterns()}.values())


def literals(parsed: Any) -> Iterator[str]:
    """Yield the plain texts in a parsed regex, in its order."""
    text = ""
    for operator, argument in parsed:
        if operator is _parser.LITERAL:
            text += chr(argument)
            continue
        if text:
            yield text
        text = ""
        for inner in argument if isinstance(argument, tuple | list) else [argument]:
            for one in inner if isinstance(inner, list) else [inner]:
                if isinstance(one, _parser.SubPattern):
                    yield from literals(one)
    if text:
        yield text


def hostile(pattern: re.Pattern[Any]) -> Iterator[Callable[[int], Any]]:
    """Yield what makes lines of a length that a regex nearly matches, over and over."""
    source = pattern.pattern if isinstance(pattern.pattern, str) else pattern.pattern.decode()
    flags = pattern.flags if isinstance(pattern.pattern, str) else pattern.flags & ~re.UNICODE
    own = list(dict.fromkeys(literals(_parser.parse(source, flags))))[:12]
    tours = [*own, *(f"{one} " for one in own), "".join(own), "a".join(own), " ".join(own[:-1]), "".join(own[:-1])]
    for start, run in [("", run) for run in (*RUNS, *tours) if run] + [(one, run) for one in own[:3] for run in RUNS]:

        def line(length: int, start: str = start, run: str = run) -> Any:
            text = (start + run * (length // len(run) + 1))[:length]
            return text if isinstance(pattern.pattern, str) else text.encode()

        yield line


def cost(attempt: Callable[[Any], object], line: Any, times: int) -> float:
    """Return the CPU seconds of an attempt, the least of several."""
    return min(_once(attempt, line) for _ in range(times))


def _once(attempt: Callable[[Any], object], line: Any) -> float:
    began = time.process_time()
    attempt(line)
    return time.process_time() - began


def growth(attempt: Callable[[Any], object], line: Callable[[int], Any], longest: int = LONGEST) -> float:
    """Return how many times more a line costs than half of it; 1 if it costs nothing."""
    if cost(attempt, line(longest), 1) < SLOW:
        return 1
    return cost(attempt, line(longest), 3) / cost(attempt, line(longest // 2), 3)


def test_there_are_some() -> None:
    assert len(PATTERNS) > 200


@pytest.mark.parametrize(("name", "pattern"), PATTERNS, ids=[name for name, _ in PATTERNS])
def test_no_line_costs_more_than_its_square(name: str, pattern: re.Pattern[Any]) -> None:
    attempt = pattern.match if name.startswith(MATCHED) else pattern.search
    for line in hostile(pattern):
        tries = (growth(attempt, line) for _ in range(4))  # of a busy machine the best counts
        assert any(found < (SQUARE + CUBE) / 2 for found in tries), line(60)


def test_a_header_over_and_over_costs_what_its_line_is_long() -> None:
    line = "WARNING: " * (LONGEST // 9)
    formats = [how for group in openings.GROUPS if "WARNING:" in group.headers for how in group.formats]
    looked_for = [how.trigger.search for how in formats if how.trigger.pattern.startswith("^")]
    assert len(looked_for) > 10
    one = cost(re.compile("WARNING: .*?there").search, line, 3)  # from each of them
    assert sum(cost(search, line, 3) for search in looked_for) < one


def test_a_cube_would_be_noticed() -> None:
    def line(length: int) -> str:
        return " in <" * (length // 5)

    cubic = re.compile(r".* in (?:<[^>]*>)?;").search
    assert any(growth(cubic, line, LONGEST // 4) > (SQUARE + CUBE) / 2 for _ in range(5))  # a busy host blurs some
