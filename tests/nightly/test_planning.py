"""What of the matrix fits into a night."""

from dataclasses import replace
from typing import Any

from rig.memory.values import Durations, Where
from rig.model import Shape
from rig.nightly import planning
from rig.nightly.matrix import Place
from rig.nightly.planning import Tonight

DURATIONS = Durations(first_build={"san": 300.0}, next_build={"san": 50.0}, boot={"san": 10.0}, workloads={})


def place(profile: str = "san", shape: str = "default", weight: float = 1.0, *workloads: str) -> Place:
    names = workloads or ("churn", "teardown")
    where = Where(kernel="mainline", profile=profile, shape=shape)
    return Place(where=where, shape=Shape(), workloads=tuple((name, 1.0) for name in names), weight=weight)


def tonight(**given: Any) -> Tonight:
    return Tonight(
        **{
            "night": "n4",
            "seconds": 3600.0,
            "stress": 12,
            "repeats": 1,
            "durations": DURATIONS,
            "building": {},
            "last": {},
            "nights": ("n3", "n2", "n1"),
            **given,
        }
    )


def test_the_worthiest_comes_first() -> None:
    jobs = planning.plan((place(weight=1), place(shape="shadow", weight=2)), tonight())
    assert [(job.number, job.where.shape, job.state) for job in jobs] == [
        (1, "shadow", "planned"),
        (2, "default", "planned"),
    ]


def test_what_has_waited_for_long_comes_before_what_weighs_a_little_more() -> None:
    fresh, stale = place(weight=2), place(shape="shadow", weight=1)
    last = {
        (each.where, name): night for each, night in ((fresh, "n3"), (stale, "n1")) for name in ("churn", "teardown")
    }
    jobs = planning.plan((fresh, stale), tonight(last=last))
    assert [job.where.shape for job in jobs] == ["shadow", "default"]
    assert [job.why for job in jobs] == ["weight 1, waited for 2 nights", "weight 2, ran last night"]


def test_a_build_tree_is_begun_once_and_trials_take_what_they_took() -> None:
    durations = replace(DURATIONS, workloads={("san", "churn"): 30.0, ("san", "teardown"): 40.0})
    jobs = planning.plan((place(), place(shape="shadow", weight=0.5)), tonight(durations=durations))
    assert [job.expected for job in jobs] == [300 + 50 + 2 * 80, 2 * 80]


def test_guests_side_by_side_take_half_as_long_and_lent_trials_nothing() -> None:
    one = place()
    there = {("mainline", "san"): ("there", "there")}
    alone = tonight(
        building=there, durations=replace(DURATIONS, workloads={("san", "churn"): 1, ("san", "teardown"): 1})
    )
    cases = (alone, replace(alone, jobs_at_once=2), replace(alone, lent=frozenset((one.where,))))
    assert [planning.plan((one,), each)[0].expected for each in cases] == [24, 12, 12]


def test_workloads_that_do_not_fit_are_dropped_the_least_worth_first() -> None:
    there = {("mainline", "san"): ("there", "there")}
    durations = replace(DURATIONS, workloads={("san", "churn"): 50.0, ("san", "teardown"): 50.0})
    one = replace(place(), workloads=(("churn", 1.0), ("teardown", 3.0)))
    (job,) = planning.plan((one,), tonight(seconds=130, building=there, durations=durations))
    assert (job.workloads, job.expected) == (("teardown",), 120)
    assert "no time for churn" in job.why


def test_what_does_not_fit_at_all_comes_last_and_says_why() -> None:
    jobs = planning.plan((place("other", weight=9), place()), tonight(seconds=450.0))
    assert [(job.where.profile, job.state) for job in jobs] == [("other", "planned"), ("san", "left out")]
    assert jobs[1].why == "would take 7:30, 1s are left"
