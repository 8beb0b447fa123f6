"""Metrics as dot plots: where on a common scale the values of both sides lie. No I/O."""

from dataclasses import dataclass
from itertools import groupby
from math import inf, isfinite
from statistics import median

from rig.model import MetricChange

MOST_NOTABLE = 12  # shown without unfolding

_Spot = float  # percent of the plot's width
_MARGIN = 4.0  # percent left free at both ends, so that no dot is cut


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """The dots of one side, and its median."""

    dots: tuple[_Spot, ...]
    middle: _Spot


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """One metric; `interval` is where the patched median lies with 95% confidence, from and to."""

    change: MetricChange
    base: Row
    patched: Row | None
    interval: tuple[_Spot, _Spot] | None

    @property
    def worse(self) -> bool:
        """Whether the plan guards it and it rose."""
        return (
            self.change.guarded and self.change.significant and (self.change.change is None or self.change.change > 0)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Metrics:
    """All of them: what is worth a look, and the rest by workload."""

    notable: tuple[Plot, ...]
    more: tuple[Plot, ...]  # that differ as well, but less
    rest: tuple[tuple[str, tuple[Plot, ...]], ...]
    compared: bool  # there are two sides


def metrics(changes: tuple[MetricChange, ...]) -> Metrics:
    """Return `changes` as plots: guarded and significant ones first, then the rest by workload."""
    notable = sorted((each for each in changes if each.guarded or each.significant), key=_weight, reverse=True)
    plots = tuple(plot(each) for each in notable)
    rest = [each for each in changes if not (each.guarded or each.significant)]
    rest.sort(key=lambda each: each.workload)
    return Metrics(
        notable=plots[:MOST_NOTABLE],
        more=plots[MOST_NOTABLE:],
        rest=tuple((name, tuple(map(plot, those))) for name, those in groupby(rest, key=lambda each: each.workload)),
        compared=any(each.patched for each in changes),
    )


def _weight(change: MetricChange) -> tuple[bool, bool, float]:
    return change.guarded and change.significant, change.guarded, inf if change.change is None else abs(change.change)


def plot(change: MetricChange) -> Plot:
    """Return the plot of one metric."""
    ends = _ends(change)
    values = [value for value in (*change.base, *change.patched, *(ends or ())) if isfinite(value)] or [0.0]
    scale = _Scale(low=min(values), high=max(values))
    return Plot(
        change=change,
        base=_row(change.base, scale),
        patched=_row(change.patched, scale) if change.patched else None,
        interval=(scale.spot(ends[0]), scale.spot(ends[1])) if ends else None,
    )


def _ends(change: MetricChange) -> tuple[float, float] | None:
    """Return the interval of `change` in the metric's own unit."""
    if change.low is None or change.high is None or not change.patched:
        return None
    middle = median(change.base)
    return middle * (1 + change.low), middle * (1 + change.high)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scale:
    low: float
    high: float

    def spot(self, value: float) -> _Spot:
        """Return where `value` is; in the middle if all are the same."""
        span = self.high - self.low
        part = (min(max(value, self.low), self.high) - self.low) / span if span > 0 else 0.5
        return round(_MARGIN + part * (100 - 2 * _MARGIN), 2)


def _row(values: tuple[float, ...], scale: _Scale) -> Row:
    return Row(dots=tuple(dict.fromkeys(map(scale.spot, values))), middle=scale.spot(median(values)))
