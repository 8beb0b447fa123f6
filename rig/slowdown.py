"""How much slower the workloads are under each profile, measured on this host."""

from dataclasses import replace
from statistics import geometric_mean

from rig import cache, pipeline, plan, store
from rig.experiment import Overrides
from rig.model import Profile, Run
from rig.progress import Progress

KERNEL = "patched"
FASTEST = "perf"  # the profile that the others are measured against
RATE = "iterations_per_second"
WORKLOADS = ("root-churn", "vm-teardown", "memslot-churn")


async def measure(profiles: tuple[Profile, ...], overrides: Overrides, progress: Progress) -> dict[str, float]:
    """Return by name how many times slower than under `perf` the workloads are, on the average of their rates.

    Raises RigError for faults of the host or a kernel that can't be built.
    """
    names = dict.fromkeys((FASTEST, *(profile.name for profile in profiles)))
    rates = {name: await _rates(name, overrides, progress) for name in names}
    return {profile.name: _slower(rates[FASTEST], rates[profile.name]) for profile in profiles}


async def _rates(profile: str, overrides: Overrides, progress: Progress) -> dict[str, float]:
    """Return the rate of each workload under `profile`, with one guest at a time."""
    alone = replace(overrides, profile=profile, workloads=WORKLOADS, jobs=1)
    with cache.scratch() as root, store.draft(root) as draft:
        return _best(await pipeline.run(plan.make(KERNEL, None, overrides=alone), draft, progress, "rig profiles"))


def _best(run: Run) -> dict[str, float]:
    """Return the best rate of each workload; what else runs on a host only makes them worse."""
    return {change.workload: max(change.base) for change in run.comparison.metrics if change.name == RATE}


def _slower(fastest: dict[str, float], other: dict[str, float]) -> float:
    ratios = [fastest[name] / other[name] for name in fastest if other.get(name)]
    return geometric_mean(ratios) if ratios else float("nan")
