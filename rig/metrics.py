"""What workloads measured, side by side. No I/O."""

from collections.abc import Iterator
from statistics import median

from rig import statistics
from rig.model import Metric, MetricChange, MetricKind, Outcome, Status, Trial


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


def changes(base: tuple[Trial, ...], patched: tuple[Trial, ...]) -> tuple[MetricChange, ...]:
    """Return every metric that both sides measured.

    Only exact ones are ever called significant: the emulated, instrumented guests of a sanitizer profile say
    nothing about speed.
    """
    before, after = _values(base), _values(patched)
    described = {(outcome.workload, metric.name): metric for outcome, metric in _metrics(base + patched)}
    return tuple(
        _change(key, metric, tuple(before[key]), tuple(after[key]))
        for key, metric in described.items()
        if key in before and key in after
    )


def _change(key: tuple[str, str], metric: Metric, base: tuple[float, ...], patched: tuple[float, ...]) -> MetricChange:
    middle, other = median(base), median(patched or base)
    apart = bool(patched) and (max(base) < min(patched) or max(patched) < min(base))
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
    )


def measured(trials: tuple[Trial, ...]) -> tuple[MetricChange, ...]:
    """Return the metrics of one side by itself."""
    values = _values(trials)
    described = {(outcome.workload, metric.name): metric for outcome, metric in _metrics(trials)}
    return tuple(_change(key, metric, tuple(values[key]), ()) for key, metric in described.items())
