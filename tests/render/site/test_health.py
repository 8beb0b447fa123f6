from dataclasses import replace

from rig.memory.values import Health
from rig.render.site import health
from tests.render.site import made_up

BOOK = made_up.book(14, ())


def test_the_quarantined_come_first_then_the_flakiest() -> None:
    flaky = Health(workload="root-churn", profile="perf", flaky=0.1)
    rows = health.rows(replace(BOOK, healths=(*BOOK.healths[1:], flaky, BOOK.healths[0])))
    first, second, third, *_ = [(row.health.workload, row.health.flaky) for row in rows]
    assert (first, second) == (("vm-teardown", 0.21), ("root-churn", 0.1))
    assert third[1] == 0


def test_a_workload_that_nobody_judged_is_listed_with_its_counts() -> None:
    row = next(row for row in health.rows(BOOK) if (row.health.workload, row.health.profile) == ("error-paths", "perf"))
    assert (row.passed, row.failed, row.other) == (84, 0, 0)


def test_failures_are_counted_by_night() -> None:
    row = health.rows(BOOK)[0]
    failing = [bar.night for bar in row.strip.bars if bar.share]
    assert failing == [made_up.night_id(number) for number in range(0, 14, 3)]
