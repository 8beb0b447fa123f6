from dataclasses import replace
from typing import Any

import pytest

from rig.memory.values import Regression
from rig.render.site.evening import Evening, evenings, steps
from rig.render.site.links import links
from tests.render.site import made_up

NIGHTS = tuple(made_up.night_id(number) for number in range(3))


def night(*regressions: Regression, at: int = 2, **given: Any) -> Evening:
    """A night of three, by default the newest."""
    book = replace(made_up.book(3, ()), regressions=regressions, **given)
    return evenings(book)[2 - at]


def bug(opened: int, number: int = 1, **given: Any) -> Regression:
    return made_up.regression(number, "WARNING in foo", opened, 3, **given)


def back(number: int = 1, **given: Any) -> Regression:
    """One that was there in the first night and is again in the last."""
    return made_up.regression(number, "WARNING in foo", 2, 3, first=0, gone=1, **given)


@pytest.mark.parametrize(
    ("regressions", "headline", "tone"),
    [
        ((), "Nothing new", "good"),
        ((bug(2), bug(2, 2)), "2 new regressions", "bad"),
        ((bug(2), back(2)), "1 new regression, 1 came back", "bad"),
        ((bug(2, standing="suspected"),), "1 suspected", "doubt"),
        ((bug(0),), "Nothing new, 1 still open", "doubt"),
        ((bug(0, closed=2),), "1 regression gone", "good"),
        ((bug(2, standing="old"),), "Nothing new", "good"),
    ],
    ids=["nothing", "new", "back", "suspected", "open", "gone", "old"],
)
def test_the_headline_is_what_matters_most(regressions: tuple[Regression, ...], headline: str, tone: str) -> None:
    said = night(*regressions)
    assert (said.headline, said.tone) == (headline, tone)


def test_a_night_that_ran_nothing_is_not_called_clean() -> None:
    book = made_up.book(1, ())
    empty = replace(book.chapters[0], cells=())
    (said,) = evenings(replace(book, chapters=(empty,), regressions=()))
    assert (said.headline, said.tone) == ("Nothing ran", "doubt")
    running = replace(empty, night=replace(empty.night, state="running"))
    assert evenings(replace(book, chapters=(running,), regressions=()))[0].headline == "Still running"


def test_a_night_that_was_cut_short_is_in_doubt() -> None:
    book = made_up.book(1, ())
    short = replace(book.chapters[0], night=replace(book.chapters[0].night, state="cut short"))
    assert evenings(replace(book, chapters=(short,), regressions=()))[0].tone == "doubt"


def test_it_is_compared_with_the_night_before_and_with_the_release() -> None:
    said = night(bug(2), bug(0, 2), back(3), bug(0, 4, closed=2), bug(0, 5, standing="old"))
    assert said.lines == (
        "Against last night (6 Jan): 1 opened, 1 came back, 1 closed.",
        "Against the release (v6.1.192): 3 open, 1 that it shows too.",
    )


def test_the_first_night_has_none_before_it() -> None:
    said = night(at=0)
    assert said.earlier is None
    assert said.later
    assert [line for line in said.lines if "last night" in line] == []


def test_tips_are_told_beside_those_of_the_night_before() -> None:
    first, second, third = (night(at=at).tips[0] for at in range(3))
    assert (first.before, first.moved) == ("", False)
    assert (second.before, second.moved) == (first.commit, False)
    assert (third.before, third.moved) == (second.commit, True)


def test_what_was_not_done_is_told_with_why() -> None:
    assert [(row.job.state, row.tone) for row in night().undone] == [("left out", "doubt"), ("failed", "bad")]
    assert all(row.job.why for row in night().undone)


def test_steps_are_those_of_the_night_with_their_commits() -> None:
    book = made_up.book(24)
    (step,) = steps(book.trends, links(book), made_up.night_id(23))
    assert step.suspects == f"{made_up.commit('mainline', 21)[:12]}..{made_up.commit('mainline', 23)[:12]}"
    assert step.change == pytest.approx(0.18, abs=0.01)
    assert len(list(steps(book.trends, links(book)))) > 1
