"""What is made of the events of a run."""

from typing import Any

import pytest

from rig.events import Boot, Coming, Doing, Event, Planned, Seen, TrialDone, TrialStarted, WorkloadDone, WorkloadStarted
from rig.model import End, Status
from rig.standing import Standing
from tests import values

BASE, PATCHED = (Boot(side=side, kernel=f"k-{side}", index=1) for side in ("base", "patched"))
NAMES = ("one", "two")


def coming(*boots: Boot) -> tuple[Coming, ...]:
    return tuple(Coming(side=boot.side, kernel=boot.kernel, workloads=NAMES) for boot in boots)


def after(*events: Event) -> Standing:
    """How it stands when events come a second apart."""
    standing = Standing(began=0.0)
    for now, event in enumerate(events, 1):
        standing = standing.told(event, float(now))
    return standing


PLANNED = Planned(trials=coming(BASE, PATCHED), jobs=2, budget=60.0)
STARTED = TrialStarted(boot=BASE, workloads=NAMES)
FIRST = WorkloadStarted(boot=BASE, workload="one", limit=9.0)


def done(boot: Boot = BASE, **given: Any) -> TrialDone:
    outcomes = (values.outcome("one"), values.outcome("two"))
    return TrialDone(boot=boot, trial=values.trial(boot.side, **{"outcomes": outcomes, **given}))


def test_a_plan_replaces_the_one_before() -> None:
    standing = after(PLANNED, Planned(trials=coming(BASE), jobs=1))
    assert (standing.coming, standing.jobs, standing.budget) == (coming(BASE), 1, None)


def test_a_trial_that_starts_is_no_longer_to_come() -> None:
    standing = after(PLANNED, STARTED)
    assert standing.coming == coming(PATCHED)
    (row,) = standing.running
    assert (row.boot, row.booting, row.current) == (BASE, True, None)


def test_a_boot_for_what_another_left_takes_nothing_off_the_plan() -> None:
    assert after(PLANNED, TrialStarted(boot=BASE, workloads=("two",))).coming == PLANNED.trials


def test_a_workload_runs_says_how_far_it_is_and_ends() -> None:
    running = after(PLANNED, STARTED, FIRST, Doing(boot=BASE, workload="one", text="3 iterations"))
    (row,) = running.rows
    assert row.current
    assert (row.current.workload, row.current.began, row.current.doing) == ("one", 3.0, "3 iterations")
    (row,) = running.told(WorkloadDone(boot=BASE, outcome=values.outcome("one")), 5.0).rows
    assert (row.current, row.booting) == (None, False)


def test_what_was_overheard_gives_way_to_what_was_read_in_the_end() -> None:
    standing = after(PLANNED, STARTED, FIRST, Seen(boot=BASE, workload="one", title="cut off"))
    assert [each.title for each in standing.troubles] == ["cut off"]
    trial = values.trial("base", ("one", values.report("whole")))
    assert [each.title for each in standing.told(TrialDone(boot=BASE, trial=trial), 9.0).troubles] == ["whole"]


def test_a_trouble_is_counted_by_trials_of_a_side() -> None:
    again = Boot(side="patched", kernel="k-patched", index=2)
    seen = [Seen(boot=boot, workload=name, title="t") for boot in (BASE, PATCHED, again) for name in NAMES]
    started = [TrialStarted(boot=boot, workloads=NAMES) for boot in (BASE, PATCHED, again)]
    (trouble,) = after(*started, *seen).troubles
    assert (trouble.told, trouble.workloads) == ("1 base, 2 patched", NAMES)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"outcomes": (values.outcome("one", Status.FAIL, reason="why"),)}, ["FAIL: why"]),
        ({"outcomes": (), "end": End.NEVER_BOOTED, "end_reason": "silent"}, ["never booted: silent"]),
        ({}, []),
    ],
)
def test_a_failure_without_a_report_is_a_trouble_too(given: dict[str, Any], told: list[str]) -> None:
    assert [each.title for each in after(PLANNED, STARTED, done(**given)).troubles] == told


def test_what_a_profile_knows_is_passed_over() -> None:
    plan = Planned(trials=coming(BASE), jobs=1, known=("KCSAN: *",))
    seen = [Seen(boot=BASE, workload="one", title=title) for title in ("KCSAN: data-race in f", "KASAN: x")]
    assert [each.title for each in after(plan, STARTED, *seen).troubles] == ["KASAN: x"]


def test_what_did_not_get_its_turn_has_no_outcome() -> None:
    (row,) = after(PLANNED, STARTED, FIRST, done(outcomes=(values.outcome("one"),))).rows
    assert [cell.outcome is None for cell in row.cells] == [False, True]
    assert row.current is None


def test_it_is_idle_when_nothing_runs_or_is_to_come() -> None:
    plan = Planned(trials=coming(BASE), jobs=1)
    assert not after(plan).idle
    assert not after(plan, STARTED).idle
    assert after(plan, STARTED, done()).idle


def test_a_kernel_is_called_by_its_side_only_if_there_is_one_on_each() -> None:
    assert after(PLANNED).name(PATCHED) == "patched"
    assert after(Planned(trials=coming(PATCHED), jobs=1)).name(PATCHED) == "k-patched"
    third = Boot(side="patched", kernel="other", index=1)
    assert after(Planned(trials=coming(BASE, PATCHED, third), jobs=1)).name(third) == "other"
    assert after(Planned(trials=coming(BASE, PATCHED), jobs=1, more=True)).name(PATCHED) == "k-patched"


def test_a_piece_of_work_advances_and_goes() -> None:
    standing, number = Standing(began=0.0).begun("building", 10.0, 1.0)
    standing = standing.advanced(number, 4, "a.o").advanced(number, 1, "")
    work = standing.work(number)
    assert (work.done, work.text, work.left(6.0)) == (5, "a.o", 5.0)
    assert standing.ended(number).idle
