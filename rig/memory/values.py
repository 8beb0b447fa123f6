"""What is remembered of nights, as values. No I/O."""

from dataclasses import dataclass
from typing import Literal

from rig.model import MetricKind, Status

# ---- nights

NightState = Literal["running", "finished", "cut short"]
JobKind = Literal["stress", "verify", "bisect"]
UNBUILT = "does not build"  # in the `why` of a job whose kernel, or its base, can't be had
JobState = Literal["planned", "running", "done", "left out", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """A place in the matrix: what runs, without its workloads."""

    kernel: str  # as the nightly plan calls it: "mainline"
    profile: str
    shape: str  # of the guest, as the nightly plan calls it: "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class Night:
    """One nightly run. Its `id` is the date it began on, with "-2" and so on for further ones of that day."""

    id: str
    began: str  # ISO 8601, UTC
    ended: str = ""  # likewise; "" while it runs
    deadline: str  # likewise
    host: str
    state: NightState = "running"
    notes: tuple[str, ...] = ()  # what a reader must know: a branch that could not be fetched, a quota that was reached


@dataclass(frozen=True, slots=True, kw_only=True)
class Tip:
    """What a kernel of the plan was in a night."""

    night: str
    kernel: str
    commit: str  # its hash; "" if it is of no git source
    subject: str  # of the commit; "" likewise
    base: str  # what it is compared with, as people call it: the release
    base_commit: str = ""
    tree: str = ""  # git tree id; "" if it does not build


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A part of a night: boots of one kernel under one profile in one shape, or the search for a commit.

    Jobs of kind "verify" are boots as well, to show that something is gone.
    """

    night: str
    number: int  # counts from 1, in the order they are done
    kind: JobKind
    where: Where
    workloads: tuple[str, ...]
    expected: float  # seconds
    taken: float | None = None  # seconds; None if it was not done to its end
    state: JobState = "planned"
    run: str = ""  # the run's ID; "" if there is none yet
    why: str = ""  # it is in the plan, was left out, or failed
    title: str = ""  # what a bisect or verify job is about

    @property
    def unbuilt(self) -> bool:
        """Whether it was done far enough to show that a kernel of it does not build."""
        return self.state in ("done", "failed") and UNBUILT in self.why


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """What one workload did at one place of the matrix in a night."""

    where: Where
    workload: str
    statuses: tuple[tuple[Status, int], ...]  # how many outcomes of the kernel's side had which status
    findings: tuple[str, ...]  # titles seen under it on the kernel's side
    runs: tuple[str, ...]


# ---- regressions

Standing = Literal["confirmed", "suspected", "old"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """How often a finding was seen in a night, over all trials of the kernel that could have shown it."""

    night: str
    commit: str  # of the kernel that night; "" if it is of no git source
    hits: int
    trials: int
    runs: tuple[str, ...]  # that showed it


@dataclass(frozen=True, slots=True, kw_only=True)
class Regression:
    """A finding of a kernel over the nights: it opens when it is first seen, closes when shown to be gone."""

    number: int  # 0 as long as it is not stored
    kernel: str
    title: str
    alt_titles: tuple[str, ...] = ()
    type: str
    standing: Standing  # "old": the release shows it too; "suspected": not yet shown to be new
    open: bool
    profiles: tuple[str, ...]  # under which it was seen
    shapes: tuple[str, ...]
    workloads: tuple[str, ...]
    opened: str  # the night it was first seen in, or came back
    first_seen: str  # night
    last_seen: str  # night
    closed: str = ""  # night; "" while it is open
    good: str = ""  # the last commit known not to show it; "" if there is none
    bad: str = ""  # the first commit known to show it
    culprit: str = ""  # the commit that brought it, "a1b2c3d subject", as far as a bisection found it
    odds: float | None = None  # of that answer
    bisection: str = ""  # the run's ID
    run: str = ""  # where it was first seen, with
    console: str = ""  # file name in the run's directory, and
    offset: int = 0  # bytes
    example: str = ""  # its text
    observations: tuple[Observation, ...] = ()  # the oldest first

    @property
    def titles(self) -> frozenset[str]:
        """Return all its titles."""
        return frozenset((self.title, *self.alt_titles))


# ---- metrics over time


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """Which metric of which workload at which place."""

    where: Where
    workload: str
    name: str
    unit: str
    kind: MetricKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """What was measured in a night: a value per trial, each divided by its operations if it is a sum over any."""

    night: str
    commit: str  # "" if the kernel is of no git source
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangePoint:
    """A step in a metric: `night` is the first with the new level."""

    night: str
    before: float  # median
    after: float
    p_value: float | None  # None for an exact counter, which needs no test
    good: str = ""  # the last commit with the old level
    bad: str = ""  # the first with the new one

    @property
    def change(self) -> float | None:
        """Return the step relative to before; None if that was 0."""
        return (self.after - self.before) / self.before if self.before else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """A metric over the nights, the oldest first."""

    measure: Measure
    points: tuple[Point, ...]
    changes: tuple[ChangePoint, ...] = ()


# ---- workloads and machines


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """How a workload went at a place in a night, on the kernel's side: what the rule for quarantine goes by."""

    night: str
    where: Where
    workload: str
    tree: str  # of the kernel: outcomes that differ on one tree are the workload's
    passed: int
    failed: int  # without a report of the kernel that explains it
    other: int  # skipped, missed, spent


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """Whether a workload can be trusted under a profile."""

    workload: str
    profile: str
    flaky: float  # share of outcomes, on trees that showed both, that are the rarer one
    quarantined: str = ""  # the night since; "" if it is not
    why: str = ""
    returns: str = ""  # what would bring it back


@dataclass(frozen=True, slots=True, kw_only=True)
class Duty:
    """What a host did in a night."""

    night: str
    host: str
    trials: int
    boot_seconds: float  # median, power-on to the first command
    trial_seconds: float  # of all trials
    build_seconds: float  # of all builds


@dataclass(frozen=True, slots=True, kw_only=True)
class Durations:
    """How long things took lately, for a plan: medians, in seconds."""

    first_build: dict[str, float]  # by profile
    next_build: dict[str, float]
    boot: dict[str, float]
    workloads: dict[tuple[str, str], float]  # by profile and workload
