from math import inf, nan
from typing import Any

from rig.memory.values import ChangePoint, Measure, Point, Trend, Where
from rig.model import MetricKind
from rig.render.site.plot import HEIGHT, across, plot

MEASURE = Measure(
    where=Where(kernel="k", profile="p", shape="s"), workload="w", name="exits", unit="1", kind=MetricKind.EXACT
)
STEP = ChangePoint(night="2026-01-02", before=1, after=3, p_value=None, good="a" * 40, bad="b" * 40)


def trend(*nights: tuple[float, ...], **given: Any) -> Trend:
    points = tuple(Point(night=f"2026-01-0{at}", commit="", values=values) for at, values in enumerate(nights, 1))
    return Trend(measure=MEASURE, points=points, **given)


def nights(number: int) -> dict[str, float]:
    return across([f"2026-01-0{at}" for at in range(1, number + 1)])


def spots(path: str) -> list[tuple[float, float]]:
    pairs = path.removeprefix("M").removesuffix("Z").split("L")
    return [(float(x), float(y)) for x, y in (pair.split() for pair in pairs)]


def test_the_line_goes_through_the_medians_from_left_to_right() -> None:
    line = spots(plot(trend((1, 2, 9), (4,), (0,)), nights(3)).line)
    assert [x for x, _ in line] == sorted(x for x, _ in line)
    assert line[1][1] < line[0][1] < line[2][1]  # down is less


def test_all_is_inside_the_drawing() -> None:
    drawn = plot(trend((1, 2, 1e9), (-5,), (0,)), nights(3))
    assert all(0 <= x <= 1000 and 0 < y < HEIGHT for x, y in (*spots(drawn.line), *spots(drawn.band)))


def test_values_that_are_all_the_same_are_a_line_in_the_middle() -> None:
    assert {y for _, y in spots(plot(trend((7,), (7, 7)), nights(2)).line)} == {HEIGHT / 2}


def test_what_is_no_number_is_left_out() -> None:
    drawn = plot(trend((nan, 1), (inf,), (2,)), nights(3))
    assert len(spots(drawn.line)) == 2
    assert (drawn.low, drawn.high) == ("1", "2")


def test_a_step_stands_between_its_night_and_the_one_before() -> None:
    (step,) = plot(trend((1,), (3,), changes=(STEP,)), nights(2)).steps
    assert nights(2)["2026-01-01"] < step.x < nights(2)["2026-01-02"]
    assert (step.before, step.after, step.change) == ("1", "3", 2.0)


def test_a_step_is_told_in_words_and_in_the_table() -> None:
    drawn = plot(trend((1,), (3,), changes=(STEP,)), nights(2))
    assert drawn.said == "exits: median 1 to 3 over 2 nights; step on 2 January 2026 from 1 to 3"
    assert [row.step for row in drawn.rows] == [False, True]


def test_a_metric_without_steps_has_no_table_and_says_so() -> None:
    drawn = plot(trend((1,), (3,)), nights(2))
    assert drawn.rows == ()
    assert drawn.said.endswith("no step")


def test_nights_that_are_not_drawn_are_left_out() -> None:
    drawn = plot(trend((1,), (3,), (5,), changes=(STEP,)), {"2026-01-03": 10.0})
    assert spots(drawn.line) == [(10.0, HEIGHT / 2)]
    assert drawn.steps == ()


def test_a_metric_that_nobody_measured_is_drawn_as_nothing() -> None:
    drawn = plot(trend(), nights(2))
    assert (drawn.line, drawn.dots, drawn.band, drawn.last) == ("", "", "", "")
