"""Odds of steps, and trials made up by dice to see whether the odds are right."""

import random
from collections.abc import Iterable
from dataclasses import replace

import pytest

from rig import suspects
from rig.model import Count
from rig.suspects import Evidence

BUILD, TRIAL = 30.0, 20.0  # seconds


def evidence(steps: int, /, *counts: tuple[int, int, int], **given: object) -> Evidence:
    """Counts are given as kernel, hits, trials."""
    by_kernel = {kernel: Count(hits=hits, trials=trials) for kernel, hits, trials in counts}
    return Evidence(steps=steps, counts=by_kernel, **given)  # type: ignore[arg-type]


def likeliest(found: Evidence) -> tuple[int, ...]:
    return suspects.suspects(found)[0].steps


# ---- odds


def test_before_any_trial_all_are_alike() -> None:
    assert suspects.odds(evidence(3)) == pytest.approx((0.25,) * 4)


def test_who_shows_it_has_the_cause_already() -> None:
    assert sum(suspects.odds(evidence(9, (4, 1, 1)))[5:]) < 0.01


def test_who_does_not_show_it_may_have_it_all_the_same() -> None:
    found = suspects.odds(evidence(9, (9, 3, 3), (4, 0, 1)))
    assert 0.05 < sum(found[:5]) < 0.5


def test_the_rarer_it_is_the_less_its_absence_says() -> None:
    often, seldom = (sum(suspects.odds(evidence(9, (9, 3, trials), (4, 0, 3)))[:5]) for trials in (3, 15))
    assert often < 0.1 < seldom


def test_a_sure_finding_takes_one_trial() -> None:
    found = suspects.suspects(evidence(3, (3, 1, 1), (2, 1, 1), (1, 0, 1), sure=True))
    assert found[0].steps == (2,)
    assert found[0].odds > 0.99


def test_contradicting_trials_of_a_sure_finding_are_no_end() -> None:
    assert sum(suspects.odds(evidence(3, (1, 1, 1), (2, 0, 1), sure=True))) == pytest.approx(1)


def test_a_good_kernel_that_shows_it_is_the_answer() -> None:
    assert likeliest(evidence(5, (5, 3, 3), (0, 1, 2))) == (0,)


def test_kernels_alike_to_the_bit_have_no_cause_between_them() -> None:
    found = suspects.odds(evidence(5, (5, 1, 1), same=((1, 4),)))
    assert found[2:5] == (0, 0, 0)
    assert all(found[step] for step in (0, 1, 5))


# ---- what can't be told apart


def test_steps_with_only_kernels_between_that_cannot_be_tried_are_one_suspect() -> None:
    found = evidence(5, (5, 9, 9), (4, 9, 9), (1, 0, 9), skipped=frozenset((2, 3)))
    assert likeliest(found) == (2, 3, 4)


def test_of_those_only_the_possible_are_named() -> None:
    found = evidence(5, (5, 9, 9), (4, 9, 9), (1, 0, 9), skipped=frozenset((2, 3)), same=((1, 2),))
    assert likeliest(found) == (3, 4)


def test_a_kernel_that_cannot_be_tried_is_not_chosen() -> None:
    found = evidence(4, (4, 3, 3), skipped=frozenset((1, 2, 3)))
    assert best(found) in (0, 4)


def test_neighbours_of_one_that_cannot_be_tried_are_avoided() -> None:
    assert abs((best(evidence(40, (40, 3, 3), skipped=frozenset((20,)))) or 0) - 20) > 1


# ---- what to try next


def best(found: Evidence, built: Iterable[int] = (), at_once: int = 1) -> int | None:
    return suspects.best(found, lambda kernel: TRIAL + BUILD * (kernel not in built), at_once)


def test_the_first_choice_is_about_the_middle() -> None:
    assert 4 <= (best(evidence(10, (10, 3, 3), (0, 0, 3))) or 0) <= 6


def test_a_rare_finding_is_looked_for_earlier_as_only_its_presence_says_much() -> None:
    rare = best(evidence(20, (20, 3, 30)))
    often = best(evidence(20, (20, 30, 30)))
    assert (rare or 0) < (often or 0)


def test_a_built_kernel_is_preferred_to_one_beside_it() -> None:
    assert best(evidence(20, (20, 3, 3), (0, 0, 3)), built=[9]) == 9


def test_nothing_is_chosen_when_nothing_is_left_to_learn() -> None:
    assert best(evidence(1, (0, 0, 50), (1, 50, 50), sure=True)) is None


# ---- whether the odds are right


def searched(steps: int, rate: float, dice: random.Random, confidence: float = 0.95) -> tuple[bool, float, int]:
    """Search for a cause put anywhere, two trials at once; return whether the answer is right, its odds, and trials."""
    cause, known = dice.randint(1, steps), Evidence(steps=steps)
    known = tried(known, steps, cause, rate, dice)
    while not known.counts[steps].hits or known.counts[steps].trials < 3:
        known = tried(known, steps, cause, rate, dice)
    known = tried(known, 0, cause, rate, dice)
    while (answer := suspects.suspects(known)[0]).odds < confidence:
        kernel = best(known, built=known.counts, at_once=2)
        assert kernel is not None
        known = tried(known, kernel, cause, rate, dice)
    return cause in answer.steps, answer.odds, sum(count.trials for count in known.counts.values())


def tried(known: Evidence, kernel: int, cause: int, rate: float, dice: random.Random) -> Evidence:
    before = known.counts.get(kernel, suspects.NOTHING)
    hits = sum(kernel >= cause and dice.random() < rate for _ in range(2))
    count = Count(hits=before.hits + hits, trials=before.trials + 2)
    return replace(known, counts={**known.counts, kernel: count})


@pytest.mark.parametrize("rate", [0.2, 0.35, 0.5, 0.7, 0.9, 1])
def test_the_answer_is_right_at_least_as_often_as_it_says(rate: float) -> None:
    dice = random.Random(1)
    done = [searched(10, rate, dice) for _ in range(200)]
    chance = sum(odds * (1 - odds) for _, odds, _ in done) ** 0.5  # that much of it is the dice, at 0.2 all there is
    assert sum(right for right, _, _ in done) >= sum(odds for _, odds, _ in done) - chance


def test_a_finding_in_every_trial_is_found_with_few() -> None:
    dice = random.Random(2)
    done = sorted(trials for _, _, trials in (searched(30, 1, dice) for _ in range(30)))
    assert done[15] <= 20
