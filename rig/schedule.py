"""What of the check before sending fits into its budget, by how long the like of it took. No I/O."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from math import inf
from statistics import median

from rig import duration, expected
from rig.model import Building, Kernel, Run, Step
from rig.standing import Standing

WARN, BOOTS, EACH, COVERAGE = "extra warnings (W=1)", "boot each commit", "each commit stressed", "patch coverage"
STRESS = "stress base and tip"
CHECKPATCH, WARNINGS = 1.0, 8.0  # seconds a commit
# Where nothing was recorded yet: on two cores, emulated, under KASAN and lockdep.
FIRST_BUILD, NEXT_BUILD, BOOT, BESIDE = 300.0, 45.0, 12.0, 8.0
COVERAGE_BUILD = 1.5  # of an incremental build: a few objects more
COVERAGE_TRIAL = 1.2  # of a trial: it counts what runs


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """The usual seconds of what the check consists of."""

    first_build: float
    next_build: float
    boot: float
    workloads: dict[str, float]

    def build(self, kind: Building) -> float:
        """Return the seconds that making a kernel takes."""
        return {"there": 0.0, "next": self.next_build, "first": self.first_build}[kind]

    def trial(self, workloads: Iterable[str], seconds: int) -> float:
        """Return the seconds of a boot with `workloads` that are asked for `seconds` each."""
        return self.boot + sum(self.workloads.get(name, seconds + BESIDE) for name in workloads)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is to be done if there is time for it."""

    base: Building
    commits: tuple[tuple[str, Building], ...]  # what people call them
    workloads: tuple[str, ...]
    seconds: int
    repeats: int
    each: bool
    coverage: bool
    profiles: tuple[tuple[str, Building, Building], ...]  # further ones, for base and for the tip
    jobs: int  # guests at once


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """What is going to be done."""

    steps: tuple[Step, ...]
    repeats: int
    each: bool
    coverage: bool
    profiles: tuple[str, ...]

    @property
    def seconds(self) -> float:
        """Return how long all that is included is expected to take."""
        return sum(step.expected for step in self.steps if step.included)

    @property
    def reserve(self) -> float:
        """Return the seconds that are kept for what comes after the trials that a suspicion can prolong."""
        return sum(step.expected for step in self.steps if step.included and step.what == COVERAGE)


def costs(runs: Iterable[Run], profile: str, seconds: int) -> Costs:
    """Return what `runs` under the like of `profile` and `seconds` took, the latest first; else what is usual."""
    alike = [run for run in runs if run.environment.profile == profile]
    builds = [kernel.seconds for run in alike for kernel in (run.base, run.patched) if isinstance(kernel, Kernel)]
    first = [each for each in builds if each >= FIRST_BUILD / 2]
    after = [each for each in builds if 0 < each < FIRST_BUILD / 2]
    same = next((run for run in alike if run.trials and run.settings and run.settings.seconds == seconds), None)
    times = expected.times(Standing(began=0.0, earlier=same.trials if same else ()))
    return Costs(
        first_build=median(first) if first else FIRST_BUILD,
        next_build=median(after) if after else NEXT_BUILD,
        boot=times.boot or BOOT,
        workloads=times.workloads,
    )


def plan(wanted: Wanted, cost: Costs, budget: float | None) -> Schedule:
    """Return what fits: what always has to be done, then the rest in the order of what it tells."""
    always = tuple(_always(wanted, cost))
    pair = _pair(wanted, cost) if wanted.workloads else 0.0
    left = (budget if budget is not None else inf) - pair - sum(step.expected for step in always)
    extras, left = _admitted(_extras(wanted, cost), left)
    repeats = 1 + (int(min(wanted.repeats - 1, max(0.0, left / pair))) if pair else 0)
    profiles, left = _admitted(_profiles(wanted, cost), left - (repeats - 1) * pair)
    included = {step.what for step in (*extras, *profiles) if step.included}
    return Schedule(
        steps=(*always, *_stress(wanted, repeats, pair), *extras, *profiles),
        repeats=repeats,
        each=EACH in included,
        coverage=COVERAGE in included,
        profiles=tuple(name for name, _, _ in wanted.profiles if under(name) in included),
    )


def under(profile: str) -> str:
    """Return the name of the step that compares the series with its base under another profile."""
    return f"profile {profile}"


def _admitted(steps: Iterable[Step], left: float) -> tuple[tuple[Step, ...], float]:
    """Return the steps, those that don't fit into `left` seconds marked, and what is left after the others."""
    found = []
    for step in steps:
        found.append(replace(step, included=step.expected <= left))
        left -= step.expected if found[-1].included else 0.0
    return tuple(found), left


def _always(wanted: Wanted, cost: Costs) -> Iterator[Step]:
    number = len(wanted.commits)
    yield _step("checkpatch", number * CHECKPATCH)
    yield _step("build base", cost.build(wanted.base), _BUILDS[wanted.base])
    first = wanted.base != "first"  # a build tree is begun once
    for name, building in wanted.commits:
        kind = "next" if building == "first" and not first else building
        yield _step(f"build {name}", cost.build(kind), _BUILDS[kind])
        first = first and building != "first"
    yield _step(WARN, (number + 1) * WARNINGS)
    if wanted.workloads:
        yield _step(BOOTS, (number + 1) * cost.boot)


def _stress(wanted: Wanted, repeats: int, pair: float) -> Iterator[Step]:
    if not wanted.workloads:
        return
    names = ", ".join(wanted.workloads)
    yield _step(STRESS, repeats * pair, f"{_trials(repeats)} each: {names}")
    if more := wanted.repeats - repeats:
        yield replace(_step(f"{_trials(more)} more of both", more * pair), included=False)


def _trials(number: int) -> str:
    return f"{number} trial" + ("" if number == 1 else "s")


def _extras(wanted: Wanted, cost: Costs) -> Iterator[Step]:
    if not wanted.workloads:
        return
    one = cost.trial(wanted.workloads, wanted.seconds)
    if wanted.each and len(wanted.commits) > 1:
        yield _step(EACH, (len(wanted.commits) - 1) * one)
    if wanted.coverage:
        yield _step(COVERAGE, cost.next_build * COVERAGE_BUILD + one * COVERAGE_TRIAL)


def _profiles(wanted: Wanted, cost: Costs) -> Iterator[Step]:
    for name, base, tip in wanted.profiles if wanted.workloads else ():
        builds = cost.build(base) + cost.build("next" if base == tip == "first" else tip)
        yield _step(under(name), builds + _pair(wanted, cost), "the files touched call for it")


def _pair(wanted: Wanted, cost: Costs) -> float:
    """Return the seconds of one trial of base and one of the tip."""
    return cost.trial(wanted.workloads, wanted.seconds) * 2 / min(wanted.jobs, 2)


_BUILDS: dict[Building, str] = {
    "there": "built before",
    "next": "incremental",
    "first": "the first of this source and profile",
}


def _step(what: str, seconds: float, why: str = "") -> Step:
    return Step(what=what, expected=seconds, included=True, why=why)


def told(schedule: Schedule, budget: float | None) -> tuple[str, ...]:
    """Return what is going to be done, and what the budget leaves no time for, a line each."""
    limit = f" of {duration.words(int(budget))}" if budget is not None else ""
    done = "; ".join(
        f"{step.what} {duration.clock(step.expected)}"
        for step in schedule.steps
        if step.expected >= 1 and step.included
    )
    missing = ", ".join(
        f"{step.what} ({duration.clock(step.expected)})" for step in schedule.steps if not step.included
    )
    lines = (
        f"about {duration.clock(schedule.seconds)}{limit}: {done}",
        f"left out, for lack of time: {missing}" if missing else "",
    )
    return tuple(filter(None, lines))
