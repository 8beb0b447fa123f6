"""A run as KTAP version 1, the test output of the kernel (Documentation/dev-tools/ktap.rst). No I/O.

Nested by what was looked at, workload, trial and test. `not ok` is what the patch introduced, or what could not be
decided; what says nothing about the patch is skipped; see rig.render.results.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from rig.model import Run
from rig.render import excerpt, results, wording
from rig.render.results import Result, State, Suite

VERSION = "KTAP version 1"
_MOST = 30  # lines of evidence for a result
_WORST = (State.FAILED, State.BROKEN, State.PASSED)  # of several, the first one there is


def to_ktap(run: Run) -> str:
    """Return the results of `run`, nested."""
    suites = results.suites(run)
    groups = [_group(name, list(members)) for name, members in groupby(suites, key=lambda suite: suite.group)]
    about = f"# rig {run.id}: {wording.one_line(wording.title(run))}: {run.comparison.verdict}"
    return "\n".join((VERSION, about, *_plan(groups))) + "\n"


def _group(name: str, suites: Sequence[Suite]) -> Result:
    if [suite.name for suite in suites] == [name]:  # nothing to nest
        return _around(name, suites[0].results)
    return _around(name, tuple(_around(suite.name, suite.results) for suite in suites))


def _around(name: str, inner: tuple[Result, ...]) -> Result:
    states = {each.state for each in inner}
    state = next((each for each in _WORST if each in states), State.SKIPPED)
    return Result(name=name, state=state, inner=inner)


def _plan(tests: Sequence[Result]) -> Iterator[str]:
    yield f"1..{len(tests)}"
    for number, test in enumerate(tests, start=1):
        yield from _test(number, test)


def _test(number: int, test: Result) -> Iterator[str]:
    if test.inner:
        yield from _indented((VERSION, f"# Subtest: {_name(test)}", *_plan(test.inner)))
    said = [test.reason] if test.reason and test.state is not State.SKIPPED else []
    for line in (*said, *excerpt.cut(test.text.splitlines(), _MOST)):
        yield f"# | {line}".rstrip()  # so that no line of a console is taken for "# Subtest:"
    yield _line(number, test)


def _line(number: int, test: Result) -> str:
    ok = "ok" if test.state in (State.PASSED, State.SKIPPED) else "not ok"
    directive = f" # SKIP {test.reason}".rstrip() if test.state is State.SKIPPED else ""
    return f"{ok} {number} {_name(test)}{directive}"


def _name(test: Result) -> str:
    """Return the name without what would begin a directive."""
    return test.name.replace("#", "_")


def _indented(lines: Iterable[str]) -> Iterator[str]:
    return (f"  {line}" for line in lines)
