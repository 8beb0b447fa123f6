"""Quarantine: who gets in, who comes back, and who never does."""

from rig.memory.values import Health, Record, Where
from rig.nightly.health import Rules, excused, healths, in_order

NIGHTS = [f"2026-11-{day:02}" for day in range(1, 31)]


def record(night: int, passed: int, failed: int, *, tree: str = "t", shape: str = "default", **given: str) -> Record:
    where = Where(kernel="mainline", profile=given.get("profile", "sanitize"), shape=shape)
    workload = given.get("workload", "vm-teardown")
    return Record(night=NIGHTS[night], where=where, workload=workload, tree=tree, passed=passed, failed=failed, other=0)


def only(*records: Record, rules: Rules | None = None) -> Health:
    (found,) = healths(records, rules or Rules())
    return found


def test_both_ways_on_one_tree_in_two_nights_is_quarantined() -> None:
    found = only(record(0, 3, 0), record(1, 2, 1), record(2, 2, 1))
    assert found.quarantined == NIGHTS[2]
    assert found.flaky == 2 / 9
    assert found.why == "went both ways on one kernel in 2 of its last 3 nights: 2 of 9 outcomes"
    assert found.returns == "5 nights in a row in which it runs and does not; so far 0"


def test_one_such_night_is_not_enough_but_told() -> None:
    found = only(record(0, 3, 0), record(1, 2, 1))
    assert (found.quarantined, found.returns) == ("", "")
    assert found.why


def test_a_regression_that_stays_is_not_the_workloads_fault() -> None:
    good, bad = [record(night, 3, 0) for night in range(5)], [record(night, 0, 3, tree="u") for night in range(5, 12)]
    assert only(*good, *bad) == Health(workload="vm-teardown", profile="sanitize", flaky=0.0)


def test_a_tree_that_fails_in_one_shape_alone_is_not_flaky() -> None:
    records = [
        record(night, *went, shape=shape) for night in range(4) for shape, went in (("a", (3, 0)), ("b", (0, 3)))
    ]
    assert not only(*records).flaky


def test_failing_whole_nights_on_a_tree_that_passed_is_flaky_too() -> None:
    assert only(record(0, 3, 0), record(1, 0, 3), record(2, 0, 3)).quarantined == NIGHTS[2]


def test_passing_on_a_tree_that_only_failed_makes_one_flaky_night() -> None:
    found = only(record(0, 0, 3), record(1, 3, 0), record(2, 3, 0), record(3, 3, 0))
    assert found.why.startswith("went both ways on one kernel in 1 of its last 4 nights")
    assert not found.quarantined


def test_many_outcomes_of_the_rarer_kind_are_enough_in_one_night() -> None:
    assert only(record(0, 6, 4)).quarantined == NIGHTS[0]
    assert not only(record(0, 8, 2)).quarantined
    assert not only(record(0, 2, 2)).quarantined, "too few outcomes to speak of a share"


def test_flaky_nights_far_apart_do_not_add_up() -> None:
    quiet = [record(night, 3, 0, tree=f"t{night}") for night in range(1, 8)]
    assert not only(record(0, 2, 1), *quiet, record(9, 2, 1, tree="u")).quarantined


def test_it_comes_back_after_as_many_quiet_nights_as_the_rule_says() -> None:
    flaky = [record(0, 2, 1), record(1, 2, 1)]
    quiet = [record(night, 3, 0, tree=f"t{night}") for night in range(2, 7)]
    still = only(*flaky, *quiet[:4])
    assert (still.quarantined, still.returns[-8:]) == (NIGHTS[1], "so far 4")
    assert not only(*flaky, *quiet).quarantined


def test_nights_without_a_trial_bring_nothing_back() -> None:
    flaky = [record(0, 2, 1), record(1, 2, 1)]
    assert only(*flaky, *[record(night, 0, 0) for night in range(2, 20)]).quarantined


def test_who_came_back_starts_afresh() -> None:
    flaky = [record(0, 2, 1), record(1, 2, 1)]
    quiet = [record(night, 3, 0, tree=f"t{night}") for night in range(2, 7)]
    assert not only(*flaky, *quiet, record(7, 2, 1, tree="u")).quarantined
    assert only(*flaky, *quiet, record(7, 2, 1, tree="u"), record(8, 2, 1, tree="u")).quarantined == NIGHTS[8]


def test_kernels_of_no_known_tree_say_nothing() -> None:
    assert not only(record(0, 2, 1, tree=""), record(1, 2, 1, tree="")).flaky


def test_each_profile_and_workload_stands_by_itself() -> None:
    found = healths([record(0, 2, 1), record(1, 2, 1), record(1, 3, 0, profile="perf"), record(1, 3, 0, workload="a")])
    assert [(each.workload, each.profile, bool(each.quarantined)) for each in found] == [
        ("a", "sanitize", False),
        ("vm-teardown", "perf", False),
        ("vm-teardown", "sanitize", True),
    ]


def test_the_order_of_records_does_not_matter() -> None:
    records = [record(0, 3, 0), record(1, 2, 1), record(2, 2, 1), record(3, 3, 0)]
    assert only(*records) == only(*reversed(records))


def test_the_tenth_night_of_a_day_comes_after_the_second() -> None:
    nights = ["2026-11-23-10", "2026-11-24", "2026-11-23", "2026-11-23-2"]
    assert sorted(nights, key=in_order) == ["2026-11-23", "2026-11-23-2", "2026-11-23-10", "2026-11-24"]


def test_a_quarantined_workload_is_excused_its_own_failures_alone() -> None:
    known = healths([record(0, 2, 1), record(1, 2, 1)])
    assert excused("WORKLOAD", "vm-teardown", "sanitize", known)
    assert not excused("WORKLOAD", "vm-teardown", "perf", known)
    assert not excused("WORKLOAD", "root-churn", "sanitize", known)
    assert not excused("WORKLOAD", "vm-teardown, root-churn", "sanitize", known)
    for kind in ("KASAN", "GUEST", "BOOT", "LEAK", ""):
        assert not excused(kind, "vm-teardown", "sanitize", known)


def test_no_records_no_health() -> None:
    assert healths(()) == ()
