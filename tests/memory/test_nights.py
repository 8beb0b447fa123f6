from dataclasses import replace

import pytest
from sqlalchemy.orm import Session

from rig.errors import RigError
from rig.memory import nights, runs
from rig.memory.values import Where
from rig.model import Status
from tests import values
from tests.memory.made import FIRST, SECOND, THIRD, WHERE, job, night, tip


def test_a_night_is_given_back_as_it_was_kept(session: Session) -> None:
    kept = night(notes=("next: could not be fetched", values.HOSTILE), state="cut short", ended="2026-01-01T23:00")
    nights.save_night(session, kept)
    session.expire_all()
    assert nights.night(session, FIRST) == kept


def test_a_night_that_is_kept_again_takes_the_place_of_the_first(session: Session) -> None:
    nights.save_night(session, night())
    nights.save_night(session, night(state="finished"))
    assert [each.state for each in nights.nights(session)] == ["finished"]


def test_an_unknown_night_is_none(session: Session) -> None:
    assert nights.night(session, FIRST) is None


def test_nights_come_by_when_they_began_not_by_name(session: Session) -> None:
    for name in (SECOND, f"{SECOND[:9]}2-10", THIRD, FIRST):
        nights.save_night(session, night(name, began=f"{name[:10]}T20:{name[11:].zfill(2)}"))
    assert [each.id for each in nights.nights(session, 3)] == ["2026-01-02-10", THIRD, SECOND]


def test_the_night_that_a_host_was_in_is_found(session: Session) -> None:
    nights.save_night(session, night(FIRST, state="cut short"))
    nights.save_night(session, night(SECOND))
    nights.save_night(session, night(THIRD, host="lab2"))
    found = nights.unfinished(session, "lab1")
    assert found
    assert found.id == SECOND
    assert nights.unfinished(session, "lab3") is None


def test_tips_are_of_their_night_and_by_kernel_the_newest_first(session: Session) -> None:
    for name in (FIRST, SECOND):
        nights.save_night(session, night(name))
        nights.save_tip(session, tip(name, commit=name))
    nights.save_tip(session, tip(SECOND, kernel="next"))
    assert [each.kernel for each in nights.tips(session, SECOND)] == ["mainline", "next"]
    assert [each.commit for each in nights.tips_of(session, "mainline")] == [SECOND, FIRST]
    assert nights.tips_of(session, "mainline", last=1) == (tip(SECOND, commit=SECOND),)


def test_jobs_keep_their_order_and_what_became_of_them(session: Session) -> None:
    nights.save_night(session, night())
    for number in (2, 10, 1):
        nights.save_job(session, job(number))
    done = job(2, state="done", taken=50.5, run="r1", why="new", title=values.HOSTILE)
    nights.save_job(session, done)
    assert nights.jobs(session, FIRST) == (job(1), done, job(10))


def test_a_tip_of_no_night_is_refused(session: Session) -> None:
    with pytest.raises(Exception, match=r"(?i)foreign key") as caught:
        nights.save_tip(session, tip())
    assert not isinstance(caught.value, RigError)  # it is a mistake of ours
    session.rollback()


def test_a_workload_ran_last_when_it_came_to_something(session: Session) -> None:
    for number, name in enumerate((FIRST, SECOND)):
        nights.save_night(session, night(name))
        status = Status.MISS if number else Status.PASS
        outcomes = (values.outcome("churn"), values.outcome("roots", status))
        made = values.run(id=f"r{number}", trials=(values.trial("patched", outcomes=outcomes),))
        runs.take(session, made, "/r", night=name, where=WHERE)
    assert nights.last_ran(session) == {(WHERE, "churn"): SECOND, (WHERE, "roots"): FIRST}


def test_what_ran_on_base_or_in_a_bisection_did_not_run_on_the_tip(session: Session) -> None:
    nights.save_night(session, night())
    nights.save_job(session, job(kind="bisect", run="r2"))
    runs.take(session, values.run(id="r1", trials=(values.trial("base"),)), "/r", night=FIRST, where=WHERE)
    runs.take(session, values.run(id="r2"), "/r", night=FIRST, where=WHERE)
    assert nights.last_ran(session) == {}


def test_places_are_told_apart(session: Session) -> None:
    nights.save_night(session, night())
    places = (WHERE, replace(WHERE, profile="perf"), Where(kernel="next", profile="perf", shape="4 vCPUs"))
    for number, where in enumerate(places):
        runs.take(session, values.run(id=f"r{number}"), "/r", night=FIRST, where=where)
    assert {where for where, _ in nights.last_ran(session)} == set(places)


def test_a_note_is_what_was_last_said(session: Session) -> None:
    assert nights.note(session, "told") == ""
    for text in ("2026-01-01", "2026-01-02"):
        nights.save_note(session, "told", text)
    assert nights.note(session, "told") == "2026-01-02"
