from collections import defaultdict

import pytest

from rig import statistics


def false_new(rate: float, first: int, last: int, alpha: float) -> float:
    """The chance that a bug of this rate on both sides is ever called new, when it is looked at after each trial."""
    undecided, wrong = {0: 1.0}, 0.0  # hits of patched, with none of base
    for number in range(1, last + 1):
        after: defaultdict[int, float] = defaultdict(float)
        for hits, chance in undecided.items():
            after[hits] += chance * (1 - rate) ** 2
            after[hits + 1] += chance * rate * (1 - rate)
        undecided = dict(after)
        if number >= first:
            for hits in [each for each in undecided if each]:
                if statistics.sure(statistics.more_often((0, number), (hits, number)), alpha):
                    wrong += undecided.pop(hits)
    return wrong


@pytest.mark.parametrize("alpha", [0.05, 0.01])
def test_looking_after_each_trial_keeps_the_chance_of_a_false_new_below_alpha(alpha: float) -> None:
    rates = [each / 25 for each in range(1, 25)]
    worst = max(false_new(rate, 3, 30, alpha) for rate in rates)
    assert alpha / 4 < worst < alpha


def test_three_of_three_against_none_is_sure() -> None:
    assert statistics.sure(statistics.more_often((0, 3), (3, 3)))
    assert not statistics.sure(statistics.more_often((0, 3), (2, 3)))
    assert not statistics.sure(statistics.more_often((0, 3), (3, 3)), 0.01)


def test_how_many_trials_settle_it() -> None:
    assert [statistics.settled_by((0, 3), (hits, 3)) for hits in (3, 2, 1)] == [3, 6, 12]
    assert statistics.settled_by((1, 3), (0, 3)) == 12, "whichever side it is on"
    assert statistics.settled_by((0, 100), (1, 100)) is None


def test_p_values_are_corrected_for_their_number() -> None:
    assert statistics.corrected([0.01, 0.2, 0.03]) == pytest.approx((0.03, 0.2, 0.045))
    assert statistics.corrected([]) == ()


def test_the_interval_of_a_change_spans_what_the_values_do() -> None:
    low, high = statistics.change_interval([10, 10.5, 9.5, 10.2, 9.8], [12, 12.4, 11.6, 12.1, 11.9]) or (0, 0)
    assert 0.1 < low < 0.2 < high < 0.32


@pytest.mark.parametrize(("base", "patched"), [([1.0], [2.0, 3.0]), ([0.0, 1.0], [1.0, 1.0])])
def test_too_few_values_or_none_to_relate_to_have_no_interval(base: list[float], patched: list[float]) -> None:
    assert statistics.change_interval(base, patched) is None
