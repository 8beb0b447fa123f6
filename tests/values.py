"""Small values of the model, with just what a test is about given."""

from pathlib import Path
from typing import Any, Literal

from rig.model import End, Environment, Kernel, Metric, MetricKind, Outcome, Report, Sighting, Status, Trial

ENVIRONMENT = Environment(
    accel="tcg",
    accel_reason="no /dev/kvm",
    qemu="QEMU 7.2",
    cpu="max",
    compiler="gcc 12",
    image="d",
    profile="sanitize",
    vcpus=2,
    memory_mib=1024,
    seed=1,
    host="h",
    base_tree="a",
    patched_tree="b",
    base_config="c",
    patched_config="c",
)


def kernel(name: str = "base", **given: Any) -> Kernel:
    return Kernel(
        **{"name": name, "profile": "sanitize", "digest": name, "release": "6.1", "bzimage": Path("b"), **given}
    )


def report(title: str, *alternatives: str, **given: Any) -> Report:
    return Report(title=title, alt_titles=alternatives, text=f"{title}\nmore", **given)


def outcome(workload: str = "churn", status: Status = Status.PASS, **given: Any) -> Outcome:
    return Outcome(**{"workload": workload, "status": status, "iterations": 5, "l2_entries": 5, **given})


def metric(name: str, value: float, kind: MetricKind = MetricKind.EXACT) -> Metric:
    return Metric(name=name, value=value, unit="1", kind=kind)


def trial(
    side: Literal["base", "patched"] = "base",
    *reports: Report | tuple[str, Report],
    index: int = 1,
    outcomes: tuple[Outcome, ...] = (outcome(),),
    **given: Any,
) -> Trial:
    """A trial of one workload "churn"; a report stands under it unless given as (workload, report)."""
    pairs = (each if isinstance(each, tuple) else ("churn", each) for each in reports)
    defaults = {"kernel": side, "planned": ("churn",), "end": End.FINISHED, "console": f"console-{side}-{index}.log"}
    return Trial(
        side=side,
        index=index,
        outcomes=outcomes,
        sightings=tuple(Sighting(workload=workload, report=each) for workload, each in pairs),
        **{**defaults, **given},
    )
