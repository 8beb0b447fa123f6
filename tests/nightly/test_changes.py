"""Steps in metrics: none where there is only noise, the right night and commits where there is one."""

from collections.abc import Sequence
from math import inf, nan

import numpy
import pytest

from rig.memory.values import ChangePoint, Point
from rig.model import MetricKind
from rig.nightly import changes as module
from rig.nightly.changes import changes, fresh

NIGHTS = 90


def series(*nights: Sequence[float] | float) -> list[Point]:
    lists = [tuple(each) if isinstance(each, Sequence) else (float(each),) for each in nights]
    return [Point(night=f"n{number}", commit=f"c{number}", values=each) for number, each in enumerate(lists)]


def exact(*nights: Sequence[float] | float) -> tuple[ChangePoint, ...]:
    return changes(series(*nights), MetricKind.EXACT, judges_speed=False)


def rate(*nights: Sequence[float] | float, judges_speed: bool = True) -> tuple[ChangePoint, ...]:
    return changes(series(*nights), MetricKind.RATE, judges_speed=judges_speed)


def where(found: tuple[ChangePoint, ...]) -> list[str]:
    return [each.night for each in found]


def noise(seed: int, nights: int, *, sigma: float = 1.0) -> numpy.ndarray:
    return 10 + sigma * numpy.random.default_rng(seed).standard_normal(nights)


# ---- exact counters


def test_two_nights_are_enough_for_an_exact_counter() -> None:
    (step,) = exact((400.0, 400.0), (412.0, 412.0))
    assert step == ChangePoint(night="n1", before=400, after=412, p_value=None, good="c0", bad="c1")


def test_one_value_a_night_is_enough_if_there_is_nothing_else() -> None:
    assert where(exact(400, 412)) == ["n1"]


def test_a_new_value_in_the_last_night_is_a_step_after_a_constant() -> None:
    assert where(exact(400, 400, 400, 412)) == ["n3"]


def test_a_constant_counter_has_no_step() -> None:
    assert exact(*[(400.0, 400.0)] * 30) == ()


def test_a_counter_that_goes_up_and_is_mended_has_two_steps() -> None:
    found = exact(*[(5.0, 5.0)] * 4, (7.0, 7.0), *[(5.0, 5.0)] * 4)
    assert [(each.night, each.good, each.bad) for each in found] == [("n4", "c3", "c4"), ("n5", "c4", "c5")]


def test_each_of_several_levels_is_a_step() -> None:
    assert where(exact(5, 5, 7, 7, 7, 9, 9, 5, 5)) == ["n2", "n5", "n7"]


def test_levels_of_any_length_that_two_trials_a_night_agree_on_are_found_where_they_begin() -> None:
    generator = numpy.random.default_rng(1)
    for _ in range(200):
        steps = generator.integers(1, 4, generator.integers(1, 5)).cumsum()
        lengths = generator.integers(1, 6, len(steps))
        nights = [(float(level),) * 2 for level, length in zip(steps % 5, lengths, strict=True) for _ in range(length)]
        assert where(exact(*nights)) == [f"n{begin}" for begin in lengths.cumsum()[:-1]]


def test_a_single_value_that_sticks_out_is_no_step() -> None:
    assert exact(5, 5, 5, 7, 5, 5) == ()
    assert exact(5, 5, 7, 9, 5, 5) == ()


def test_a_single_value_between_two_levels_leaves_their_step() -> None:
    (step,) = exact(5, 5, 5, 7, 9, 9, 9)
    assert (step.night, step.before, step.after, step.good, step.bad) == ("n4", 5, 9, "c2", "c4")


def test_two_single_values_in_a_row_do_not_put_what_follows_to_the_wrong_level() -> None:
    assert where(exact(9, 9, 9, 9, 5, 7, 5, 5)) == ["n6"]


def test_what_stuck_out_once_is_nothing_new_when_it_does_again() -> None:
    assert exact(5, 5, 7, 5, 5, 5, 7) == ()


def test_a_level_is_found_though_its_value_stuck_out_once_before() -> None:
    assert where(exact(*[5] * 10, 7, *[5] * 10, 7, 7, 7, 7)) == ["n21"]


def test_a_counter_that_is_not_quite_exact_raises_no_alarm() -> None:
    generator = numpy.random.default_rng(3)
    for _ in range(50):
        assert exact(*(tuple(map(float, generator.integers(400, 500, 3))) for _ in range(30))) == ()
        assert exact(*map(float, generator.integers(400, 500, 30))) == ()


def test_a_counter_that_is_not_quite_exact_has_steps_once_there_are_enough() -> None:
    before, after = [(400.0, 401.0, 400.0)] * 6, [(600.0, 600.0, 601.0)] * 4
    (step,) = exact(*before, *after)
    assert (step.night, step.before, step.after) == ("n6", 400, 600)
    assert step.p_value is not None
    assert step.p_value < 0.05


def test_sums_by_operations_are_compared_without_their_last_digits() -> None:
    assert exact(1 / 3, 0.1 + 0.2, 0.3, 0.3)[0].night == "n1"
    assert exact(0.1 + 0.2, 0.3, 0.3) == ()


def test_exact_counters_count_under_any_profile() -> None:
    assert changes(series((5.0, 5.0), (6.0, 6.0)), MetricKind.EXACT, judges_speed=True)


# ---- times and rates


@pytest.mark.parametrize("kind", [MetricKind.RATE, MetricKind.TIME, MetricKind.RATIO])
def test_a_step_of_three_sigma_after_ten_nights_is_found(kind: MetricKind) -> None:
    near = 0
    for seed in range(40):
        values = noise(seed, 20)
        values[10:] += 3
        found = changes(series(*values), kind, judges_speed=True)
        near += any(abs(int(each.night[1:]) - 10) <= 1 for each in found)
    assert near >= 34


def test_a_clear_step_names_its_night_and_commits() -> None:
    values = noise(1, 20, sigma=0.1)
    values[12:] *= 1.3
    (step,) = rate(*values)
    assert (step.night, step.good, step.bad) == ("n12", "c11", "c12")
    assert step.p_value is not None
    assert step.p_value < 0.005
    assert step.change is not None
    assert 0.25 < step.change < 0.35


def test_what_went_up_and_down_again_has_two_steps() -> None:
    values = noise(2, 60, sigma=0.2)
    values[25:35] *= 1.3
    assert where(rate(*values)) == ["n25", "n35"]


def test_noise_seldom_raises_an_alarm_in_ninety_nights_with_a_look_after_each() -> None:
    """Of 60 metrics at most 3; to keep the test short, most looks are left out."""
    alarms = sum(
        any(rate(*values[:night]) for night in range(10, NIGHTS + 1, 10))
        for values in (noise(seed, NIGHTS) for seed in range(60))
    )
    assert alarms <= 3


def test_nights_whose_trials_agree_raise_no_more_alarms_than_single_ones() -> None:
    alarms = 0
    for seed in range(60):
        values = noise(seed, 60)
        alarms += bool(rate(*(tuple(value + 0.01 * trial for trial in range(5)) for value in values)))
    assert alarms <= 3


def test_a_night_or_two_that_stick_out_are_no_step() -> None:
    values = noise(4, 40, sigma=0.1)
    values[20] = 100
    values[30:32] = 0.1
    assert rate(*values) == ()
    values[-1] = 100
    assert rate(*values) == ()


def test_a_sure_step_too_small_to_matter_is_none() -> None:
    values = noise(5, 60, sigma=0.01)
    values[30:] *= 1.04
    assert rate(*values) == ()


def test_speed_says_nothing_where_detectors_are_at_work() -> None:
    assert rate(*[10.0 + each % 3 / 10 for each in range(20)], *[20.0 + each % 3 / 10 for each in range(20)])
    assert not rate(
        *[10.0 + each % 3 / 10 for each in range(20)],
        *[20.0 + each % 3 / 10 for each in range(20)],
        judges_speed=False,
    )


def test_counts_of_what_was_got_done_are_never_judged() -> None:
    assert changes(series(*[1.0] * 20, *[2.0] * 20), MetricKind.COUNT, judges_speed=True) == ()


def test_a_slow_drift_is_borne() -> None:
    found = rate(*(10 + night / 10 for night in range(90)))
    assert all(each.after > each.before for each in found)


def test_many_metrics_looked_at_together_need_more_than_one() -> None:
    values = noise(1, 20, sigma=0.1)
    values[12:] *= 1.3
    (alone,) = rate(*values)
    (together,) = changes(series(*values), MetricKind.RATE, judges_speed=True, metrics=10)
    assert alone.p_value is not None
    assert together.p_value == pytest.approx(10 * alone.p_value)
    assert not changes(series(*values), MetricKind.RATE, judges_speed=True, metrics=1000)


# ---- odd series


@pytest.mark.parametrize("kind", [MetricKind.EXACT, MetricKind.RATE])
@pytest.mark.parametrize("nights", [(), (5.0,), ((),), ((nan, inf), (-inf,)), (5.0, (), nan), (0.0,) * 9])
def test_too_little_to_go_by_is_no_step(kind: MetricKind, nights: tuple[Sequence[float] | float, ...]) -> None:
    assert changes(series(*nights), kind, judges_speed=True) == ()


def test_values_that_are_no_numbers_are_passed_over() -> None:
    (step,) = exact((5.0, nan), (nan,), (7.0, inf, 7.0))
    assert (step.night, step.good, step.bad) == ("n2", "c0", "c2")


def test_a_step_from_nothing_has_no_relative_size() -> None:
    (step,) = exact((0.0, 0.0), (3.0, 3.0))
    assert step.change is None


# ---- what is new about them


def point(night: str, before: float, after: float, p_value: float | None = 0.01) -> ChangePoint:
    return ChangePoint(night=night, before=before, after=after, p_value=p_value)


def test_a_step_that_is_known_is_not_fresh_even_if_it_moved_by_a_night() -> None:
    known = [point("n10", 10, 13)]
    assert fresh(known, [point("n10", 10, 13.1), point("n11", 10.1, 13.2)]) == ()


def test_a_further_step_is_fresh() -> None:
    known = [point("n10", 10, 13)]
    assert where(fresh(known, [*known, point("n20", 13, 18), point("n30", 18, 13)])) == ["n20", "n30"]


def test_an_exact_step_in_another_night_is_fresh() -> None:
    assert fresh([point("n1", 5, 7, None)], [point("n3", 5, 7, None)])


def test_the_power_of_nights_is_what_the_comment_says_of_it() -> None:
    assert module.LOOKS == 1.6, "the comment beside it, and docs/nightly.md, give figures for 1.6"
