"""How long what is left will take."""

from dataclasses import replace

import pytest

from rig import expected
from rig.events import Boot, Coming, Planned, TrialDone, TrialStarted, WorkloadDone, WorkloadStarted
from rig.model import Status, Trial
from rig.standing import Standing
from tests import values

NAMES = ("one", "two")


def boot(index: int = 1) -> Boot:
    return Boot(side="base", kernel="k", index=index)


def trial(boot_seconds: float = 10.0, one: float = 20.0, two: float = 30.0) -> Trial:
    outcomes = (values.outcome("one", seconds=one), values.outcome("two", seconds=two))
    seconds = boot_seconds + one + two
    return values.trial(outcomes=outcomes, planned=NAMES, ready_seconds=boot_seconds / 2, seconds=seconds)


def planned(number: int, jobs: int = 1, earlier: tuple[Trial, ...] = ()) -> Standing:
    coming = (Coming(side="base", kernel="k", workloads=NAMES),) * number
    return Standing(began=0.0, earlier=earlier).told(Planned(trials=coming, jobs=jobs), 0.0)


def test_nothing_is_said_as_long_as_nothing_is_known() -> None:
    assert expected.left(planned(2), 1.0) is None


@pytest.mark.parametrize(("jobs", "seconds"), [(1, 180.0), (2, 120.0), (3, 60.0), (9, 60.0)])
def test_earlier_runs_tell_how_long_trials_take_side_by_side(jobs: int, seconds: float) -> None:
    assert expected.left(planned(3, jobs, (trial(),)), 1.0) == seconds


def test_what_this_run_took_overrules_earlier_ones() -> None:
    standing = planned(2, 1, (trial(),)).told(TrialStarted(boot=boot(), workloads=NAMES), 1.0)
    standing = standing.told(TrialDone(boot=boot(), trial=trial(1.0, 2.0, 3.0)), 7.0)
    assert expected.left(standing, 7.0) == 6.0


def test_a_workload_that_is_over_tells_before_its_trial_is() -> None:
    standing = planned(1, 1, (trial(),)).told(TrialStarted(boot=boot(), workloads=NAMES), 0.0)
    standing = standing.told(WorkloadStarted(boot=boot(), workload="one", limit=9), 10.0)
    standing = standing.told(WorkloadDone(boot=boot(), outcome=values.outcome("one", seconds=5.0)), 15.0)
    assert expected.times(standing).workloads == {"one": 5.0, "two": 30.0}


def test_time_spent_is_taken_off_and_never_below_nothing() -> None:
    standing = planned(1, 1, (trial(),)).told(TrialStarted(boot=boot(), workloads=NAMES), 0.0)
    assert expected.left(standing, 4.0) == 56.0
    assert expected.left(standing, 400.0) == 50.0
    standing = standing.told(WorkloadStarted(boot=boot(), workload="one", limit=9), 10.0)
    assert expected.left(standing, 15.0) == 45.0
    assert expected.left(standing, 500.0) == 30.0


def test_a_workload_never_seen_is_taken_for_the_usual_one() -> None:
    standing = planned(0, 1, (trial(),))
    other = Coming(side="base", kernel="k", workloads=("three",))
    assert expected.left(replace(standing, coming=(other,)), 0.0) == 35.0


def test_what_a_broken_rig_or_guest_took_tells_nothing() -> None:
    missed = values.trial(
        outcomes=(values.outcome("one", Status.MISS, seconds=999.0),), ready_seconds=0.0, seconds=999.0
    )
    assert expected.left(planned(1, 1, (missed, trial())), 0.0) == 60.0


def test_a_build_comes_before_the_trials() -> None:
    standing, number = planned(1, 1, (trial(),)).begun("building", 10.0, 0.0)
    assert expected.left(standing, 5.0) is None, "how long it takes is not known yet"
    assert expected.left(standing.advanced(number, 5.0, ""), 5.0) == 65.0


def test_there_is_nothing_left_of_a_finished_run() -> None:
    standing = planned(1).told(TrialStarted(boot=boot(), workloads=NAMES), 1.0)
    assert expected.left(standing.told(TrialDone(boot=boot(), trial=trial()), 9.0), 9.0) == 0.0


def test_nothing_begins_that_the_budget_has_no_time_for() -> None:
    standing = replace(planned(3, 1, (trial(),)), budget=100.0)
    assert expected.left(standing, 10.0) == 90.0
    assert expected.left(standing, 110.0) == 0.0


def test_nothing_is_said_of_a_search_as_nobody_knows_how_long_it_takes() -> None:
    assert expected.left(replace(planned(2, 1, (trial(),)), more=True), 1.0) is None
