"""What a run is going to do, as one value. No I/O."""

from dataclasses import dataclass
from typing import Literal

from rig import workloads
from rig.model import Clock, Profile, Recipe, Series, Shape
from rig.reach import Reach

AccelRequest = Literal["auto", "kvm", "tcg"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Overrides:
    """What the command line says instead of the plan file; None leaves it as it is there."""

    profile: str | None = None
    workloads: tuple[str, ...] = ()
    repeats: int | None = None
    confirm: int | None = None
    confidence: float | None = None
    budget: int | None = None
    seconds: int | None = None
    vcpus: int | None = None
    threads: int | None = None
    memory: int | None = None
    seed: int | None = None
    jobs: int | None = None
    accel: AccelRequest = "auto"
    clock: Clock | None = None
    cmdline: tuple[str, ...] = ()
    coverage: bool | None = None
    require_coverage: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The whole experiment. `patched` is None when one kernel runs alone."""

    base: Recipe
    patched: Recipe | None
    profile: Profile
    workloads: tuple[workloads.Listed | workloads.Own, ...]
    guarded: tuple[str, ...]  # patterns of WORKLOAD/METRIC: exact counters that must not rise
    repeats: int
    confirm: int
    confidence: float  # wanted of "new" and "fixed"
    budget: int | None  # seconds for the whole run; None for as many as it takes
    seconds: int
    threads: int
    seed: int
    jobs: int | None  # guests at once; None for as many as fit
    shape: Shape
    accel: AccelRequest
    clock: Clock
    coverage: bool = False  # see afterwards which of the changed lines run
    require_coverage: float | None = None  # of the lines, in percent, that have to, to be clean


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """A series that is to be checked before it is sent."""

    series: Series
    plan: Plan  # of its base and its tip
    reach: Reach  # of the files it touches
    chosen: bool = False  # the workloads are the user's choice, whatever the reach
    profiles: tuple[Profile, ...]  # further ones that it calls for
    each: bool  # run the workloads on every commit, not only on the tip

    @property
    def workloads(self) -> tuple[workloads.Listed | workloads.Own, ...]:
        """Return those of the plan's workloads that the files touched call for, the most called for first."""
        if self.chosen:
            return self.plan.workloads
        there = {entry.name: entry for entry in self.plan.workloads}
        return tuple(there[name] for name in self.reach.workloads if name in there)
