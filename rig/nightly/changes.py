"""Steps in a metric over the nights: which night, between which commits. No I/O."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import comb, inf, isfinite, log
from statistics import median

from rig import statistics
from rig.memory.values import ChangePoint, Point
from rig.metrics import SPEED, WORTH
from rig.model import MetricKind

LEAST = 3  # nights that make a level where values vary: one or two that stick out are no step
# A p value is multiplied by the number of nights to this power: a step may lie anywhere and is looked for every night.
# The product of both would be nights squared, but looks a night apart see nearly the same: with 1.6, independent noise
# raises a false alarm in about 3 of 100 metrics in 90 nights with a look after each (tests/nightly/test_changes.py).
LOOKS = 1.6
OUTLIERS = 0.25  # of the nights; with more of them a counter is not as exact as it claims, and judged as what varies
DIGITS = 12  # significant ones by which exact counters are compared: sums are divided by operations


@dataclass(frozen=True, slots=True)
class _Level:
    """Nights in a row that are taken to have one value."""

    points: tuple[Point, ...]

    @property
    def values(self) -> tuple[float, ...]:
        return tuple(value for point in self.points for value in point.values)

    def __add__(self, later: "_Level") -> "_Level":
        return _Level(self.points + later.points)


Chance = Callable[[_Level, _Level], float]  # that two neighbours are one level; 0 for certainly not, inf for surely


def changes(
    points: Sequence[Point], kind: MetricKind, *, judges_speed: bool, metrics: int = 1
) -> tuple[ChangePoint, ...]:
    """Return the steps in `points`, which are in order, the oldest first.

    An exact counter has a step for certain where it was constant before and is constant after; where it is not quite
    exact, levels must be apart by more than chance. Times, rates and ratios are judged where `judges_speed` alone, by
    a rank test over the nights' medians; counts never are, as they say the same as rates once more. p values are
    corrected for the looks, and for how many `metrics` are looked at together.
    """
    told = [point for point in map(_cleaned, points) if point.values]
    looks = len(told) ** LOOKS * metrics
    runs = _runs(told)
    exact = kind is MetricKind.EXACT
    if exact and sum(_single(runs)) <= OUTLIERS * len(told):
        return tuple(_steps(_without_outliers(runs), _exact_chance, looks))
    if exact or (kind in SPEED and judges_speed):
        return tuple(_steps(_candidates([_middled(point) for point in told]), _rank_chance, looks))
    return ()


def fresh(known: Iterable[ChangePoint], found: Iterable[ChangePoint]) -> tuple[ChangePoint, ...]:
    """Return those of `found` that are none of the `known` ones.

    With further nights, a step in what varies may turn out to lie some nights from where it was first seen. Its two
    levels stay about the same, so that is what it is known by.
    """
    known = tuple(known)
    return tuple(each for each in found if not any(_same(each, other) for other in known))


def _same(one: ChangePoint, other: ChangePoint) -> bool:
    """Whether it is one step: of the same night, or, where that is not certain, of the same direction and end."""
    if one.night == other.night:
        return True
    near = abs(one.after - other.after) <= abs(one.after - one.before) / 2
    return (
        None not in (one.p_value, other.p_value) and near and (one.after > one.before) == (other.after > other.before)
    )


def _cleaned(point: Point) -> Point:
    values = tuple(float(f"{value:.{DIGITS}g}") for value in point.values if isfinite(value))
    return Point(night=point.night, commit=point.commit, values=values)


def _middled(point: Point) -> Point:
    """Return a night as one value: its trials share the state of the host, so they are no further evidence."""
    return Point(night=point.night, commit=point.commit, values=(median(point.values),))


def _steps(levels: list[_Level], chance: Chance, looks: float) -> Iterator[ChangePoint]:
    """Join neighbours, the most alike first, until what is left are levels by more than chance; yield their borders."""
    chances = [looks * chance(*pair) for pair in pairwise(levels)]
    while chances and not statistics.sure(max(chances)):
        at = chances.index(max(chances))
        levels = [*levels[:at], levels[at] + levels[at + 1], *levels[at + 2 :]]
        chances = [looks * chance(*pair) for pair in pairwise(levels)]
    for (before, after), p_value in zip(pairwise(levels), chances, strict=True):
        yield ChangePoint(
            night=after.points[0].night,
            before=median(before.values),
            after=median(after.values),
            p_value=p_value or None,
            good=before.points[-1].commit,
            bad=after.points[0].commit,
        )


# ---- exact counters


def _runs(points: Sequence[Point]) -> list[_Level]:
    """Return nights in a row that agree, each as a level."""
    levels: list[_Level] = []
    for point in points:
        if levels and len({*levels[-1].values, *point.values}) == 1:
            levels[-1] += _Level((point,))
        else:
            levels.append(_Level((point,)))
    return levels


def _single(levels: list[_Level]) -> list[bool]:
    """Say of each level whether it is but one value, with others on both sides."""
    return [0 < number < len(levels) - 1 and len(level.values) == 1 for number, level in enumerate(levels)]


def _without_outliers(levels: list[_Level]) -> list[_Level]:
    """Return levels without single values in between; where the levels around one agree, they and it become one.

    It stays in there so that the same value, seen once more, is nothing new.
    """
    kept: list[_Level] = []
    single = _single(levels)
    for number, level in enumerate(levels):
        if single[number]:
            continue
        if number > 1 and single[number - 1] and not single[number - 2] and _agree(level, levels[number - 2]):
            kept[-1] += levels[number - 1] + level
        else:
            kept.append(level)
    return kept


def _agree(one: _Level, other: _Level) -> bool:
    return set(one.values) == set(other.values)


def _exact_chance(before: _Level, after: _Level) -> float:
    if len(set(before.values)) == len(set(after.values)) == 1 and not _agree(before, after):
        return 0.0
    low, high = sorted((before.values, after.values), key=min)
    if max(low) >= min(high):
        return _rank_chance(_Level(tuple(map(_middled, before.points))), _Level(tuple(map(_middled, after.points))))
    return 2 / comb(len(low) + len(high), len(low)) if _worth(before, after) else inf


# ---- what varies


def _candidates(points: Sequence[Point]) -> list[_Level]:
    """Return levels by the least squares of ranks (ruptures' PELT), more rather than fewer of them."""
    values = [value for point in points for value in point.values]
    if len(values) < 2 * LEAST or len(set(values)) == 1:
        return [_Level(tuple(points))]
    from ruptures import KernelCPD  # slow to import, as scipy is
    from scipy.stats import rankdata, zscore

    scaled = zscore(rankdata(values)).reshape(-1, 1)
    ends = KernelCPD(kernel="linear", min_size=LEAST).fit(scaled).predict(pen=log(len(values)))
    return [_Level(tuple(points[begin:end])) for begin, end in pairwise([0, *ends])]


def _rank_chance(before: _Level, after: _Level) -> float:
    if min(len(before.points), len(after.points)) < LEAST or not _worth(before, after):
        return inf
    p_value = statistics.rank_test(before.values, after.values, exact=True)
    return inf if p_value is None else p_value


def _worth(before: _Level, after: _Level) -> bool:
    """Whether the step is worth a word; any is from 0."""
    start, end = median(before.values), median(after.values)
    return abs(end - start) >= WORTH * abs(start)
