"""Small values of the memory, with just what a test is about given."""

from typing import Any

from rig.memory.values import Job, Measure, Night, Observation, Regression, Tip, Where
from rig.model import MetricKind

WHERE = Where(kernel="mainline", profile="sanitize", shape="default")
FIRST, SECOND, THIRD = "2026-01-01", "2026-01-02", "2026-01-02-2"


def night(id: str = FIRST, **given: Any) -> Night:
    """A night that began at ten on the date of its ID, each further one of a day an hour later."""
    hour = 22 + int(id[11:] or 1) - 1
    defaults: dict[str, Any] = {
        "began": f"{id[:10]}T{hour}:00:00+00:00",
        "deadline": f"{id[:10]}T23:59:00+00:00",
        "host": "lab1",
    }
    return Night(id=id, **{**defaults, **given})


def tip(night: str = FIRST, **given: Any) -> Tip:
    defaults = {"kernel": "mainline", "commit": "a" * 40, "subject": "KVM: Do it", "base": "v6.1", "tree": "t1"}
    return Tip(night=night, **{**defaults, **given})


def job(number: int = 1, night: str = FIRST, **given: Any) -> Job:
    defaults: dict[str, Any] = {"kind": "stress", "where": WHERE, "workloads": ("churn",), "expected": 60.0}
    return Job(night=night, number=number, **{**defaults, **given})


def regression(title: str = "WARNING in foo", **given: Any) -> Regression:
    defaults: dict[str, Any] = {
        "number": 0,
        "kernel": "mainline",
        "type": "WARNING",
        "standing": "confirmed",
        "open": True,
        "profiles": ("sanitize",),
        "shapes": ("default",),
        "workloads": ("churn",),
        "opened": FIRST,
        "first_seen": FIRST,
        "last_seen": FIRST,
        "observations": (seen(FIRST, 2),),
    }
    return Regression(title=title, **{**defaults, **given})


def seen(night: str, hits: int, trials: int = 3) -> Observation:
    return Observation(night=night, commit="a" * 40, hits=hits, trials=trials, runs=("r1",) if hits else ())


def measure(name: str = "exits", **given: Any) -> Measure:
    defaults: dict[str, Any] = {"where": WHERE, "workload": "churn", "unit": "1", "kind": MetricKind.EXACT}
    return Measure(name=name, **{**defaults, **given})
