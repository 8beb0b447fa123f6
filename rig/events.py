"""What the stages of a run tell whoever watches: each a value, in the order of a trial. No I/O."""

from dataclasses import dataclass
from typing import Literal

from rig.model import Outcome, Trial


@dataclass(frozen=True, slots=True, kw_only=True)
class Boot:
    """Which boot of which kernel an event is about."""

    side: Literal["base", "patched"]
    kernel: str
    index: int  # counts the boots of a side from 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Coming:
    """A trial that is to come."""

    side: Literal["base", "patched"]
    kernel: str
    workloads: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """All that is to come, as far as it is known now; what was planned before is forgotten."""

    trials: tuple[Coming, ...]
    jobs: int  # guests at once
    budget: float | None = None  # seconds for the whole run
    known: tuple[str, ...] = ()  # patterns of titles that a good kernel has too: passed over
    more: bool = False  # nobody knows how much comes after that


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialStarted:
    """A guest was powered on to run `workloads`."""

    boot: Boot
    workloads: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkloadStarted:
    """The guest is ready, and a workload begins in it."""

    boot: Boot
    workload: str
    limit: float  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Doing:
    """How far a workload has got, or what it is about: "12 iterations", "looking for leaks"."""

    boot: Boot
    workload: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkloadDone:
    """A workload has ended, or was skipped."""

    boot: Boot
    outcome: Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The console complains of something. How the whole console is read at the end overrules it."""

    boot: Boot
    workload: str
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialDone:
    """A trial is over and its console was read."""

    boot: Boot
    trial: Trial


@dataclass(frozen=True, slots=True, kw_only=True)
class Detail:
    """What only those who want to know all want to know."""

    text: str


Event = Planned | TrialStarted | WorkloadStarted | Doing | WorkloadDone | Seen | TrialDone | Detail
