from dataclasses import replace
from typing import Any

import pytest

from rig.memory.values import Observation, Regression
from rig.render.site import tonight
from rig.render.site.book import Book, Chapter, Known
from rig.render.site.tonight import groups, turn
from tests.render.site import made_up

NIGHTS = tuple(made_up.night_id(number) for number in range(5))


def seen(*hits: int | None, **given: Any) -> Regression:
    """One that was seen this often of 6 trials in each of the first nights; None where nobody looked."""
    observations = tuple(
        Observation(night=NIGHTS[at], commit="", hits=each, trials=6, runs=())
        for at, each in enumerate(hits)
        if each is not None
    )
    hit = [each.night for each in observations if each.hits]
    given = {"opened": hit[0], "first_seen": hit[0], "last_seen": hit[-1], **given}
    return replace(made_up.regression(1), observations=observations, **given)


def book(*regressions: Regression, **given: Any) -> Book:
    chapters = tuple(replace(each, jobs=(), cells=()) for each in made_up.book(5, ()).chapters)
    return Book(chapters=chapters, regressions=regressions, **given)


@pytest.mark.parametrize(
    ("it", "turns"),
    [
        (seen(0, 3, 3), (None, "opened", "open", "open", "open")),
        (seen(0, 3, 0, open=False, closed=NIGHTS[2]), (None, "opened", "closed", None, None)),
        (seen(3, 0, 0, 2, opened=NIGHTS[3]), ("opened", None, None, "came back", "open")),
        (seen(3, standing="old"), ("old",) * 5),
    ],
    ids=["stays", "goes", "comes back", "the release has it"],
)
def test_a_regression_takes_its_turn(it: Regression, turns: tuple[str | None, ...]) -> None:
    assert tuple(turn(it, night) for night in NIGHTS) == turns


def test_what_is_new_comes_first_and_empty_groups_are_left_out() -> None:
    found = groups(book(seen(3), replace(seen(0, 0, 2), number=2)), NIGHTS[2])
    assert [group.turn for group in found] == ["opened", "open"]


def test_a_night_is_told_beside_the_last_one_that_looked() -> None:
    (group,) = groups(book(seen(1, None, 4)), NIGHTS[2])
    assert (group.entries[0].tonight, group.entries[0].before) == ("4 of 6 trials", "1 of 6 trials")


def test_a_night_knows_nothing_of_later_ones() -> None:
    early = groups(book(seen(3, 3, open=False, closed=NIGHTS[3])), NIGHTS[1])
    assert early == groups(book(seen(3, 3, 2, 2)), NIGHTS[1])


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"culprit": "a1b2c3d KVM: Break it", "odds": 0.97}, "a1b2c3d KVM: Break it (97% sure)"),
        ({"culprit": "", "good": "a" * 40, "bad": "b" * 40}, f"{'a' * 12}..{'b' * 12}"),
        ({"culprit": "", "good": "", "bad": ""}, ""),
    ],
)
def test_suspects_are_told_as_far_as_they_are_known(given: dict[str, Any], said: str) -> None:
    assert tonight.suspects(seen(1, **given)) == said


def test_a_known_issue_marks_its_regression_and_hides_none() -> None:
    known = Known(reason="waits for upstream")
    (group,) = groups(book(seen(3), known={1: known}), NIGHTS[0])
    assert group.entries[0].known == known
    assert group.turn == "opened"


def test_an_empty_book_has_no_groups() -> None:
    assert groups(Book(chapters=(Chapter(night=made_up.book(1, ()).chapters[0].night),)), NIGHTS[0]) == ()
