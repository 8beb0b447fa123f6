"""How the bench tells when a known-bad kernel was seen."""

from dataclasses import replace
from typing import Any

import pytest

from bench.catching import Timed, first_sight, fitting, lasted
from rig.model import Case, Run, Sighting, Status
from tests import values

CONSOLE = b"""[    9.1] rig: init
[   10.5][   T36] rig: begin memslot-churn
[   12.0][   T40] rig: begins something
[   28.0][   T36] rig: end memslot-churn status=0
[   70.0][  T110] rig: begin vm-teardown
[   80.5][  T110] rig: end vm-teardown status=0
[   81.0][  T243] rig: begin root-churn
"""
TITLE = "WARNING in foo"
LASTED = {("console-patched-1.log", "one"): 10.0, ("console-patched-1.log", "churn"): 20.0}
OUTCOMES = (values.outcome("one", seconds=50.0), values.outcome("churn", seconds=50.0))


def seen(title: str = TITLE, *sightings: Sighting, **given: Any) -> Run:
    trial = replace(values.trial("patched", outcomes=OUTCOMES), sightings=sightings)
    return values.run(values.finding(title, **given), trials=(values.trial(), trial))


def sighting(at: float) -> Sighting:
    return Sighting(workload="churn", report=values.report(TITLE), began=100.0, at=at)


def test_workload_time_is_from_mark_to_mark() -> None:
    assert dict(lasted(CONSOLE)) == {"memslot-churn": pytest.approx(17.5), "vm-teardown": pytest.approx(10.5)}


@pytest.mark.parametrize(("at", "when"), [(103.0, 13.0), (145.0, 30.0)])
def test_a_report_is_seen_when_it_came_or_at_the_end_of_its_workload(at: float, when: float) -> None:
    assert first_sight(Timed(run=seen(TITLE, sighting(at)), lasted=LASTED)) == when


def test_what_is_no_report_is_seen_at_the_end() -> None:
    assert first_sight(Timed(run=seen("churn failed"), lasted=LASTED)) == 30.0


def test_a_test_that_fails_is_seen_when_it_ended() -> None:
    names = ("skipped", "passes", "fails", "later")
    cases = tuple(Case(name=name, status=Status.PASS, seconds=3.0 * number) for number, name in enumerate(names))
    outcome = values.outcome("churn", cases=cases)
    trial = values.trial("patched", outcomes=(OUTCOMES[0], outcome))
    run = values.run(values.finding("fails failed in churn"), trials=(trial,))
    assert first_sight(Timed(run=run, lasted=LASTED)) == 19.0


@pytest.mark.parametrize(("took", "share"), [(5.0, 9), (15.0, 9), (16.0, 8), (30.0, 4)])
def test_the_workloads_share_the_minute_by_what_they_take_on_this_host(took: float, share: int) -> None:
    assert fitting(9, Timed(run=values.run(), lasted={("c", str(number)): took for number in range(4)})) == share


def test_what_comes_after_the_limit_or_on_base_too_is_not_caught() -> None:
    late = {key: 10 * value for key, value in LASTED.items()}
    assert first_sight(Timed(run=seen("churn failed"), lasted=late)) is None
    both = seen(TITLE, sighting(103.0), base=values.finding().patched)
    assert first_sight(Timed(run=both, lasted=LASTED)) is None
