"""What workloads measured, side by side. No I/O."""

from collections.abc import Iterator
from dataclasses import replace
from fnmatch import fnmatchcase
from statistics import median

from rig import statistics
from rig.model import Metric, MetricChange, MetricKind, Outcome, Status, Trial

# What depends on speed, or on how the work happened to be mixed; counts say the same as rates once more.
SPEED = (MetricKind.TIME, MetricKind.RATE, MetricKind.RATIO)
WORTH = 0.05  # the least change of a time or rate that is worth a word, relative to base


def changes(
    base: tuple[Trial, ...],
    patched: tuple[Trial, ...],
    guarded: tuple[str, ...] = (),
    alpha: float = statistics.ALPHA,
    *,
    judges_speed: bool = False,
) -> tuple[MetricChange, ...]:
    """Return every metric that both sides measured; those fitting `guarded` (patterns of WORKLOAD/METRIC) are marked.

    Exact ones are significant when no value of one side is among those of the other. Times and rates only where
    `judges_speed`, as guests with detectors say nothing about speed: then by rank test, corrected for their number.
    """
    before, after = _values(base), _values(patched)
    described = {(outcome.workload, metric.name): metric for outcome, metric in _metrics(base + patched)}
    found = [
        replace(
            _change(key, metric, tuple(before[key]), tuple(after[key])),
            guarded=any(fnmatchcase("/".join(key), pattern) for pattern in guarded),
        )
        for key, metric in described.items()
        if key in before and key in after
    ]
    return tuple(_judged(found, alpha) if judges_speed else found)


def lacking(base: tuple[Trial, ...], patched: tuple[Trial, ...], guarded: tuple[str, ...]) -> dict[str, list[str]]:
    """Return the guarded metrics (WORKLOAD/METRIC) that only one side measured, by what the other one is called."""
    before, after = ({"/".join(key) for key in _values(trials)} for trials in (base, patched))
    sides = {"patched": before - after, "base": after - before} if before and after else {}
    return {
        side: sorted(name for name in names if any(fnmatchcase(name, pattern) for pattern in guarded))
        for side, names in sides.items()
    }


def measured(trials: tuple[Trial, ...]) -> tuple[MetricChange, ...]:
    """Return the metrics of one side by itself."""
    values = _values(trials)
    described = {(outcome.workload, metric.name): metric for outcome, metric in _metrics(trials)}
    return tuple(_change(key, metric, tuple(values[key]), ()) for key, metric in described.items())


def _values(trials: tuple[Trial, ...]) -> dict[tuple[str, str], list[float]]:
    found: dict[tuple[str, str], list[float]] = {}
    for outcome, metric in _metrics(trials):
        found.setdefault((outcome.workload, metric.name), []).append(metric.value)
    return found


def _metrics(trials: tuple[Trial, ...]) -> Iterator[tuple[Outcome, Metric]]:
    for trial in trials:
        for outcome in trial.outcomes:
            if outcome.status is Status.PASS:
                for metric in outcome.metrics:
                    yield outcome, metric


def _change(key: tuple[str, str], metric: Metric, base: tuple[float, ...], patched: tuple[float, ...]) -> MetricChange:
    middle, other = median(base), median(patched or base)
    apart = bool(patched) and (max(base) < min(patched) or max(patched) < min(base))
    low, high = statistics.change_interval(base, patched) or (None, None)
    return MetricChange(
        workload=key[0],
        name=metric.name,
        unit=metric.unit,
        kind=metric.kind,
        base=base,
        patched=patched,
        change=(other - middle) / middle if middle else None,
        p_value=statistics.rank_test(base, patched),
        significant=metric.kind is MetricKind.EXACT and apart,
        low=low,
        high=high,
        operations=metric.operations,
    )


def _judged(found: list[MetricChange], alpha: float) -> Iterator[MetricChange]:
    """Yield all, those that depend on speed with their corrected p."""
    tested = [change for change in found if change.kind in SPEED and change.p_value is not None]
    corrected = statistics.corrected([change.p_value for change in tested if change.p_value is not None])
    by_metric = {(change.workload, change.name): q for change, q in zip(tested, corrected, strict=True)}
    for change in found:
        q_value = by_metric.get((change.workload, change.name))
        yield (
            change if q_value is None else replace(change, q_value=q_value, significant=_worth(change, q_value, alpha))
        )


def _worth(change: MetricChange, q_value: float, alpha: float) -> bool:
    return statistics.sure(q_value, alpha) and change.change is not None and abs(change.change) >= WORTH
