from dataclasses import replace

from rig.render.html import plots
from rig.render.html.plots import plot
from tests.render.made_up import metric


def test_both_sides_share_a_scale() -> None:
    shown = plot(metric("m", (0.0, 50.0, 25.0), (100.0,), None))
    assert (shown.base.dots, shown.base.middle) == ((4.0, 50.0, 27.0), 27.0)
    assert shown.patched
    assert shown.patched.dots == (96.0,)


def test_equal_values_are_one_dot_in_the_middle() -> None:
    assert plot(metric("m", (7.0, 7.0), (7.0,), 0.0)).base.dots == (50.0,)


def test_the_interval_of_the_change_is_drawn_on_the_values_scale() -> None:
    shown = plot(metric("m", (100.0,), (110.0,), 0.1, low=-0.1, high=0.3))
    assert shown.interval == (4.0, 96.0)
    assert shown.base.dots == (27.0,)


def test_a_value_beyond_all_numbers_draws_no_nonsense() -> None:
    assert all(0 <= spot <= 100 for spot in plot(metric("m", (1.0, float("inf")), (2.0,), None)).base.dots)


def test_guarded_and_significant_ones_come_first_the_rest_by_workload() -> None:
    few = metric("few", (1.0,), (1.1,), 0.1, significant=True)
    guarded = metric("guarded", (1.0,), (1.0,), 0.0, guarded=True)
    risen = metric("risen", (1.0,), (1.01,), 0.01, guarded=True, significant=True)
    rest = [metric(f"pf{number}", (1.0,), (1.0,), 0.0) for number in range(3)]
    shown = plots.metrics((few, *rest, metric("x", (1.0,), (1.0,), 0.0), guarded, risen))
    assert [each.change.name for each in shown.notable] == ["risen", "guarded", "few"]
    assert [(name, len(those)) for name, those in shown.rest] == [("memslot-churn", 1), ("root-churn", 3)]
    assert [each.worse for each in shown.notable] == [True, False, False]


def test_of_many_that_differ_those_that_do_most_are_shown() -> None:
    many = [metric(f"m{number}", (1.0,), (2.0,), number / 10, significant=True) for number in range(20)]
    shown = plots.metrics(tuple(many))
    assert [each.change.name for each in shown.notable][:2] == ["m19", "m18"]
    assert len(shown.more) == 20 - plots.MOST_NOTABLE


def test_one_side_alone_is_not_compared() -> None:
    alone = replace(metric("m", (1.0, 2.0), (), 0.0))
    assert plot(alone).patched is None
    assert not plots.metrics((alone,)).compared
