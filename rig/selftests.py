"""The kernel's own tests as one workload: which of them a given time is enough for, and how they are run. No I/O.

What runs is settled before a guest boots, from the times in configs/workloads.yaml: both sides run the same tests in
every trial, however loaded the host is.
"""

from collections.abc import Iterator

from pydantic import Field

from rig import yamlfile
from rig.model import Case, Selftests, Status, Workload

RUNNER, DIRECTORY = "/bin/ktap-run", "/selftests"  # in the guest
PATIENCE, LEAST_PATIENCE = 3.0, 30.0  # a loaded host takes so many times as long, and up to so many seconds more
BURIAL = 30.0  # seconds that a killed test and the runner may take to end
UNLISTED = 1.0  # seconds a test that no table knows is taken to need: half of them skip at once
NO_TIME = "no time left of the"
NO_TREE = "there is no source tree to build the selftests of; a ready bzImage has none"


class Selftest(yamlfile.Strict):
    """One call of a selftest."""

    name: str = Field(pattern=r"^[\w.-]+$")
    program: str = Field(default="", pattern=r"^[\w.-]*$")  # if it isn't called like the test
    args: str = ""
    takes: float = Field(gt=0)  # seconds in an emulated guest
    guest: bool = True  # it can't pass without having run a nested guest

    @property
    def built(self) -> str:
        """Return the name of its program."""
        return self.program or self.name

    def limit(self, hang_speaks_after: float) -> float:
        """Return after how many seconds it is killed."""
        return self.takes * PATIENCE + hang_speaks_after


class Suite(yamlfile.Strict):
    """A workload of configs/workloads.yaml that is made of the selftests of the kernel under test."""

    name: str = ""  # the key it stands under
    description: str
    tests: tuple[Selftest, ...] = Field(min_length=1)  # the most telling ones first
    left_out: dict[str, str] = Field(default={})  # programs too slow or too large for a guest here, and how
    fail_emulated: dict[str, str] = Field(default={})  # programs that an emulated CPU makes fail, and how

    def suited(self, *, emulated: bool) -> "Suite":
        """Return it for a guest that is emulated, or is not."""
        left_out = self.left_out | self.fail_emulated if emulated else self.left_out
        return self.model_copy(update={"left_out": left_out})


def command(suite: Suite, built: Selftests | None, *, seconds: int, hang_speaks_after: float) -> Workload:
    """Return `suite` as far as it was built, ready to be run; a test that isn't is a case from the start."""
    if not built or not built.names:
        return _nothing(suite, built, seconds)
    chosen, left = _chosen(_ordered(suite, built), seconds)
    until = seconds * PATIENCE + LEAST_PATIENCE
    longest = max(test.limit(hang_speaks_after) for test in chosen)
    return Workload(
        name=suite.name,
        argv=(RUNNER, f"{until:g}", DIRECTORY, *(_call(test, hang_speaks_after) for test in chosen)),
        seconds=seconds,
        limit=until + longest + BURIAL + hang_speaks_after,
        files=tuple(
            (f"{DIRECTORY}/{name}", built.directory / name) for name in sorted({each.built for each in chosen})
        ),
        cases=(*_unbuilt(built), *_left_out(suite, built), *(_no_time(test, seconds) for test in left)),
    )


def _nothing(suite: Suite, built: Selftests | None, seconds: int) -> Workload:
    why = built.broken[0][1] if built and built.broken else NO_TREE
    cases = _unbuilt(built) if built else ()
    return Workload(name=suite.name, argv=(), seconds=seconds, limit=0.0, skip=why, cases=cases)


def _ordered(suite: Suite, built: Selftests) -> tuple[Selftest, ...]:
    """Return the tests there are: in the order of the table, then those it doesn't know."""
    there = [name for name in built.names if name not in suite.left_out]
    known = {test.built for test in suite.tests}
    unlisted = (Selftest(name=name, takes=UNLISTED, guest=False) for name in there if name not in known)
    return (*(test for test in suite.tests if test.built in there), *unlisted)


def _chosen(tests: tuple[Selftest, ...], seconds: float) -> tuple[tuple[Selftest, ...], tuple[Selftest, ...]]:
    """Return the tests that fit into `seconds`, the first one always, and those that don't."""
    chosen: list[Selftest] = []
    left: list[Selftest] = []
    for test in tests:
        fits = not chosen or test.takes <= seconds
        (chosen if fits else left).append(test)
        seconds -= test.takes if fits else 0.0
    return tuple(chosen), tuple(left)


def _call(test: Selftest, hang_speaks_after: float) -> str:
    kind = "guest" if test.guest else "host"
    return f"{test.limit(hang_speaks_after):g} {kind} {test.name} {test.built} {test.args}".rstrip()


def _unbuilt(built: Selftests) -> tuple[Case, ...]:
    scripts = (Case(name=name, status=Status.SKIP, reason="a script for bash and sudo") for name in built.scripts)
    return (*scripts, *(Case(name=name, status=Status.ERROR, reason=why) for name, why in built.broken))


def _left_out(suite: Suite, built: Selftests) -> Iterator[Case]:
    for name, why in suite.left_out.items():
        if name in built.names:
            yield Case(name=name, status=Status.SKIP, reason=why)


def _no_time(test: Selftest, seconds: int) -> Case:
    return Case(name=test.name, status=Status.SKIP, reason=f"{NO_TIME} {seconds} s")
