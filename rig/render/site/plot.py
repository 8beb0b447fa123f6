"""A metric over the nights as a drawing: paths of an SVG, its steps, and the same in words and as a table. No I/O."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from statistics import median

from rig.memory.values import ChangePoint, Point, Trend
from rig.render.html import templating
from rig.render.site import naming

WIDTH, HEIGHT = 1000, 100  # of the drawing, in its own units
_MARGIN = 8.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A change point: where it is in the drawing, and what it says."""

    x: float
    night: str
    before: str
    after: str
    change: float | None  # relative
    p_value: float | None
    good: str
    bad: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A night in the table beside the drawing."""

    night: str
    commit: str
    middle: str
    span: str
    trials: int
    step: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """One metric."""

    name: str
    unit: str
    kind: str
    anchor: str
    band: str  # path: from the least to the greatest value of each night
    line: str  # path: medians
    dots: str  # path: values
    steps: tuple[Step, ...]
    low: str
    high: str
    last: str
    said: str
    rows: tuple[Row, ...]  # only if there are steps


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scale:
    nights: Mapping[str, float]
    low: float
    high: float

    def y(self, value: float) -> float:
        """Return how far down `value` is; in the middle if all are the same."""
        part = (value - self.low) / (self.high - self.low) if self.high > self.low else 0.5
        return round(HEIGHT - _MARGIN - part * (HEIGHT - 2 * _MARGIN), 1)


def across(nights: Sequence[str]) -> dict[str, float]:
    """Return where each of `nights`, the oldest first, is in drawings."""
    step = WIDTH / max(len(nights), 1)
    return {night: round((number + 0.5) * step, 1) for number, night in enumerate(nights)}


def plot(trend: Trend, nights: Mapping[str, float]) -> Plot:
    """Return a trend drawn over `nights`, which say where each is; points of other nights are left out."""
    points = [(point, values) for point in trend.points if point.night in nights and (values := _finite(point))]
    every = [value for _, values in points for value in values] or [0.0]
    scale = _Scale(nights=nights, low=min(every), high=max(every))
    middles = [median(values) for _, values in points]
    steps = tuple(_step(each, nights) for each in trend.changes if each.night in nights)
    return Plot(
        name=trend.measure.name,
        unit="" if trend.measure.unit == "1" else trend.measure.unit,
        kind=str(trend.measure.kind),
        anchor=naming.anchor(trend.measure.name),
        band=_band(points, scale),
        line=_line(points, middles, scale),
        dots=_dots(points, scale),
        steps=steps,
        low=templating.number(scale.low),
        high=templating.number(scale.high),
        last=templating.number(middles[-1]) if middles else "",
        said=_said(trend, middles, steps),
        rows=tuple(_row(point, values, steps) for point, values in points) if steps else (),
    )


def _finite(point: Point) -> tuple[float, ...]:
    return tuple(value for value in point.values if isfinite(value))


_Points = Sequence[tuple[Point, tuple[float, ...]]]


def _line(points: _Points, middles: Sequence[float], scale: _Scale) -> str:
    spots = (f"{scale.nights[point.night]} {scale.y(at)}" for (point, _), at in zip(points, middles, strict=True))
    return _path("L".join(spots))


def _band(points: _Points, scale: _Scale) -> str:
    above = [f"{scale.nights[point.night]} {scale.y(max(values))}" for point, values in points]
    below = [f"{scale.nights[point.night]} {scale.y(min(values))}" for point, values in reversed(points)]
    return f"{_path('L'.join((*above, *below)))}Z" if len(points) > 1 else ""


def _dots(points: _Points, scale: _Scale) -> str:
    spots = dict.fromkeys(f"{scale.nights[point.night]} {scale.y(at)}" for point, values in points for at in values)
    return "".join(f"M{spot}h0" for spot in spots)


def _path(spots: str) -> str:
    return f"M{spots}" if spots else ""


def _step(change: ChangePoint, nights: Mapping[str, float]) -> Step:
    left = [x for x in nights.values() if x < nights[change.night]]
    return Step(
        x=round((nights[change.night] + max(left, default=0.0)) / 2, 1),
        night=change.night,
        before=templating.number(change.before),
        after=templating.number(change.after),
        change=change.change,
        p_value=change.p_value,
        good=change.good,
        bad=change.bad,
    )


def _row(point: Point, values: tuple[float, ...], steps: tuple[Step, ...]) -> Row:
    low, high = templating.number(min(values)), templating.number(max(values))
    return Row(
        night=point.night,
        commit=point.commit,
        middle=templating.number(median(values)),
        span=low if low == high else f"{low} to {high}",
        trials=len(values),
        step=any(each.night == point.night for each in steps),
    )


def _said(trend: Trend, middles: Sequence[float], steps: tuple[Step, ...]) -> str:
    """Return what the drawing shows to those who can't see it."""
    if not middles:
        return f"{trend.measure.name}: nothing measured"
    span = f"{templating.number(min(middles))} to {templating.number(max(middles))}"
    told = "; ".join(f"step on {naming.day(each.night)} from {each.before} to {each.after}" for each in steps)
    return f"{trend.measure.name}: median {span} over {len(middles)} nights; {told or 'no step'}"
