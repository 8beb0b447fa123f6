from dataclasses import replace

from sqlalchemy.orm import Session

from rig.memory import regressions
from tests import values
from tests.memory.made import FIRST, SECOND, regression, seen


def test_a_regression_gets_a_number_and_is_given_back_whole(session: Session) -> None:
    kept = regression(
        alt_titles=("b", values.HOSTILE), example=values.HOSTILE, odds=0.9, culprit="a1 KVM: x", offset=5_000_000_000
    )
    saved = regressions.save(session, kept)
    session.expire_all()
    assert saved == replace(kept, number=1)
    assert regressions.regression(session, 1) == saved
    assert regressions.save(session, regression("other")).number == 2


def test_a_regression_of_that_title_is_the_same_one(session: Session) -> None:
    first = regressions.save(session, regression(values.HOSTILE))
    again = regressions.save(session, regression(values.HOSTILE, open=False, closed=SECOND))
    assert again.number == first.number
    assert regressions.regressions(session) == (again,)


def test_the_same_title_in_another_kernel_is_another(session: Session) -> None:
    for kernel in ("mainline", "next"):
        regressions.save(session, regression(kernel=kernel))
    assert [each.number for each in regressions.regressions(session)] == [1, 2]
    assert [each.kernel for each in regressions.regressions(session, "next")] == ["next"]


def test_titles_of_any_length_are_told_apart(session: Session) -> None:
    long = "WARNING in " + "x" * 100_000
    for title in (long, long + "y"):
        regressions.save(session, regression(title))
    assert len(regressions.regressions(session)) == 2


def test_observations_keep_their_order_and_are_replaced(session: Session) -> None:
    saved = regressions.save(session, regression(observations=(seen(FIRST, 1),)))
    more = (seen(FIRST, 1), seen(SECOND, 0))
    regressions.save(session, replace(saved, observations=more))
    (found,) = regressions.regressions(session)
    assert found.observations == more


def test_only_open_ones_where_they_are_asked_for(session: Session) -> None:
    regressions.save(session, regression("closed", open=False))
    regressions.save(session, regression("open"))
    assert [each.title for each in regressions.regressions(session, open_only=True)] == ["open"]


def test_an_unknown_number_is_none(session: Session) -> None:
    assert regressions.regression(session, 7) is None


def test_one_of_another_memory_keeps_its_number_if_that_is_free(session: Session) -> None:
    mine = regressions.save(session, regression("mine"))
    assert regressions.take_in(session, regression("a", number=7)).number == 7
    assert regressions.take_in(session, regression("b", number=mine.number)).number == 8
    assert regressions.take_in(session, regression("mine", number=9)).number == mine.number
