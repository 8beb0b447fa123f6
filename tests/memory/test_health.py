from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy.orm import Session

from rig.memory import health, nights, runs
from rig.memory.values import Duty, Record, Where
from rig.model import Stage, Status, Trial
from tests import values
from tests.memory.made import FIRST, SECOND, WHERE, job, night


@pytest.fixture(autouse=True)
def _nights(session: Session) -> None:
    for name in (FIRST, SECOND):
        nights.save_night(session, night(name))


def take(session: Session, number: int, *trials: Trial, night: str = FIRST, where: Where = WHERE, **given: Any) -> None:
    made = values.run(id=f"r{number}", began=f"2026-01-{number:02}", trials=trials, **given)
    runs.take(session, made, "/r", night=night, where=where)


def did(status: Status, *reports: str, **given: Any) -> Trial:
    outcomes = (values.outcome(status=status, seconds=given.pop("work", 0.0)),)
    return values.trial("patched", *map(values.report, reports), outcomes=outcomes, **given)


def test_a_record_tells_failures_of_workloads_from_those_of_the_kernel(session: Session) -> None:
    shown = (Status.PASS, Status.DONE, Status.FAIL, Status.ERROR, Status.SKIP, Status.MISS)
    trials = [did(status, index=index) for index, status in enumerate(shown, 1)]
    take(session, 1, *trials, did(Status.FAIL, "BUG: x", index=7), values.trial("base"))
    tree = "b" * 40
    assert health.records(session) == (
        Record(night=FIRST, where=WHERE, workload="churn", tree=tree, passed=2, failed=2, other=2),
    )


def test_records_are_by_tree_and_the_oldest_first(session: Session) -> None:
    take(session, 1, did(Status.PASS), night=SECOND)
    for number, tree in enumerate(("t1", "t2"), 2):
        take(session, number, did(Status.PASS), patched=values.kernel("patched", tree=tree))
    assert [(each.night, each.tree) for each in health.records(session)] == [
        (FIRST, "t1"),
        (FIRST, "t2"),
        (SECOND, "b" * 40),
    ]
    assert [each.night for each in health.records(session, nights=1)] == [SECOND]


def test_a_bisection_says_nothing_of_a_workload_on_the_tip(session: Session) -> None:
    nights.save_job(session, job(kind="bisect", run="r1"))
    take(session, 1, did(Status.FAIL))
    assert health.records(session) == ()


def test_durations_are_medians_of_what_was_done(session: Session) -> None:
    for number, seconds in enumerate((10.0, 20.0, 90.0), 1):
        trial = did(Status.PASS, ready_seconds=5.0, seconds=seconds + 8, work=seconds)
        built = values.kernel("patched", digest=f"d{number}", seconds=seconds)
        take(session, number, trial, patched=built, base=values.kernel(seconds=400.0))
    found = health.durations(session)
    assert found.first_build == {"sanitize": 400.0}
    assert found.next_build == {"sanitize": 20.0}
    assert found.boot == {"sanitize": 8.0}
    assert found.workloads == {("sanitize", "churn"): 20.0}
    assert health.durations(session, last=1).workloads == {("sanitize", "churn"): 90.0}


def test_a_kernel_that_was_found_again_counts_once(session: Session) -> None:
    for number, seconds in enumerate((10.0, 20.0, 90.0, 90.0, 90.0), 1):
        take(session, number, patched=values.kernel("patched", digest=f"of {seconds}", seconds=seconds))
    assert health.durations(session).next_build == {"sanitize": 20.0}


def test_what_was_missed_or_never_booted_says_nothing_of_time(session: Session) -> None:
    take(session, 1, did(Status.MISS, seconds=99.0, work=3.0))
    found = health.durations(session)
    assert (found.boot, found.workloads) == ({}, {})


def test_profiles_have_durations_of_their_own(session: Session) -> None:
    take(session, 1, did(Status.PASS, work=5.0), where=replace(WHERE, profile="perf"))
    take(session, 2, did(Status.PASS, work=9.0))
    assert health.durations(session).workloads == {("perf", "churn"): 5.0, ("sanitize", "churn"): 9.0}


def test_a_duty_is_all_that_a_host_did_in_a_night(session: Session) -> None:
    trials = (did(Status.PASS, ready_seconds=4.0, seconds=10.0), values.trial("base", ready_seconds=6.0, seconds=20.0))
    take(session, 1, *trials, stages=(Stage(what="build patched", began=0.0, seconds=41.0),))
    take(session, 2, did(Status.PASS, ready_seconds=11.0, seconds=30.0))
    duty = Duty(night=FIRST, host="lab1", trials=3, boot_seconds=6.0, trial_seconds=60.0, build_seconds=41.0)
    assert health.duties(session) == (duty,)
    assert health.duties(session, nights=1) == ()
