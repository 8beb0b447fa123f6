"""What of the check before sending fits into its budget."""

from dataclasses import replace

from rig import schedule
from rig.model import Settings, Status
from rig.schedule import BOOTS, COVERAGE, EACH, STRESS, Costs, Wanted
from tests import values

COST = Costs(first_build=300.0, next_build=40.0, boot=10.0, workloads={"churn": 20.0, "roots": 30.0})
WANTED = Wanted(
    base="there",
    commits=(("1/2", "next"), ("2/2", "next")),
    workloads=("churn", "roots"),
    seconds=10,
    repeats=3,
    each=False,
    coverage=True,
    profiles=(("race", "next", "next"),),
    jobs=2,
)
SURE = 2 * 1 + 2 * 40 + 3 * 8 + 3 * 10 + 60  # checkpatch, builds, W=1, boots, a trial a side on two guests at once
COVERED = 40 * 1.5 + 60 * 1.2


def steps(plan: schedule.Schedule) -> dict[str, bool]:
    return {step.what: step.included for step in plan.steps}


def test_without_a_budget_all_is_done() -> None:
    plan = schedule.plan(WANTED, COST, None)
    assert (plan.repeats, plan.coverage, plan.profiles) == (3, True, ("race",))
    assert all(step.included for step in plan.steps)
    assert plan.seconds == SURE + COVERED + 2 * 60 + 80 + 60


def test_what_tells_least_is_left_out_first() -> None:
    assert steps(schedule.plan(WANTED, COST, SURE + COVERED + 2 * 60 + 139))["profile race"] is False
    plan = schedule.plan(WANTED, COST, SURE + COVERED + 60)
    assert (plan.repeats, plan.coverage) == (2, True)
    assert schedule.plan(WANTED, COST, SURE + COVERED - 1).coverage is False


def test_a_trial_a_side_is_made_however_short_the_time() -> None:
    plan = schedule.plan(WANTED, COST, 1)
    assert (plan.repeats, plan.coverage, plan.profiles) == (1, False, ())
    assert steps(plan)[STRESS]
    assert steps(plan)["2 trials more of both"] is False


def test_time_that_coverage_leaves_is_used_for_trials() -> None:
    plan = schedule.plan(replace(WANTED, coverage=False), COST, SURE + COVERED)
    assert plan.repeats == 1 + int(COVERED // 60)


def test_each_commit_is_stressed_only_if_there_are_several() -> None:
    assert EACH in steps(schedule.plan(replace(WANTED, each=True), COST, None))
    alone = replace(WANTED, each=True, commits=(("1/1", "next"),))
    assert EACH not in steps(schedule.plan(alone, COST, None))


def test_nothing_is_booted_where_no_workload_is_called_for() -> None:
    plan = schedule.plan(replace(WANTED, workloads=()), COST, 900)
    assert not {BOOTS, STRESS, COVERAGE, "profile race"} & set(steps(plan))


def test_a_build_tree_is_begun_once() -> None:
    fresh = replace(WANTED, commits=(("1/2", "first"), ("2/2", "first")))
    kinds = {step.what: step.expected for step in schedule.plan(fresh, COST, None).steps}
    assert (kinds["build 1/2"], kinds["build 2/2"]) == (300.0, 40.0)
    kinds = {step.what: step.expected for step in schedule.plan(replace(fresh, base="first"), COST, None).steps}
    assert (kinds["build base"], kinds["build 1/2"]) == (300.0, 40.0)


def test_a_profile_costs_the_kernels_that_are_not_there_yet() -> None:
    for kinds, builds in {("there", "next"): 40, ("there", "there"): 0, ("first", "first"): 340}.items():
        wanted = replace(WANTED, profiles=(("race", *kinds),))  # type: ignore[arg-type]
        (step,) = (each for each in schedule.plan(wanted, COST, None).steps if each.what == "profile race")
        assert step.expected == builds + 60


def test_costs_are_those_of_runs_like_it() -> None:
    took = values.trial("patched", outcomes=(values.outcome("churn", Status.PASS, seconds=33.0),), seconds=50.0)
    took = replace(took, ready_seconds=9.0)
    settings = Settings(workloads=("churn",), seconds=10, repeats=1, confirm=0, confidence=0.95, budget=None)
    base, patched = values.kernel(seconds=200.0), values.kernel("patched", seconds=25.0)
    run = values.run(trials=(took,), settings=settings, base=base, patched=patched)
    cost = schedule.costs([run], "sanitize", 10)
    assert cost == Costs(first_build=200.0, next_build=25.0, boot=17.0, workloads={"churn": 33.0})
    assert schedule.costs([run], "race", 10) == schedule.costs([], "sanitize", 10)


def test_what_is_left_out_is_told_with_its_time() -> None:
    done, missing = schedule.told(schedule.plan(WANTED, COST, 200), 200)
    assert done.startswith("about 3:16 of 3m20s: checkpatch 2s; build 1/2 40s")
    assert missing.startswith("left out, for lack of time: 2 trials more of both (2:00), patch coverage (2:12)")
