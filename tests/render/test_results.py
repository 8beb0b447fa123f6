from dataclasses import replace
from pathlib import Path

import pytest

from rig.model import BuildFailure, Case, Count, End, FindingStatus, Run, Status, Trial, Verdict
from rig.render import results
from rig.render.results import Result, State
from tests import values


def found(run: Run, group: str, name: str) -> tuple[Result, ...]:
    return next(suite.results for suite in results.suites(run) if (suite.group, suite.name) == (group, name))


def state(run: Run, group: str, name: str) -> State:
    (only,) = found(run, group, name)
    return only.state


@pytest.mark.parametrize(
    ("verdict", "expected"),
    [
        (Verdict.CLEAN, State.PASSED),
        (Verdict.REGRESSION, State.FAILED),
        (Verdict.INCONCLUSIVE, State.BROKEN),
        (Verdict.ERROR, State.BROKEN),
    ],
)
def test_the_first_result_is_the_verdict(verdict: Verdict, expected: State) -> None:
    first = results.suites(values.run(verdict=verdict))[0]
    assert (first.group, first.results[0].name, first.results[0].state) == (
        "verdict",
        "patched against base",
        expected,
    )


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (FindingStatus.NEW, State.FAILED),
        (FindingStatus.SEEN, State.FAILED),
        (FindingStatus.BOTH, State.PASSED),
        (FindingStatus.FIXED, State.PASSED),
        (FindingStatus.MORE_OFTEN, State.PASSED),
        (FindingStatus.INCONCLUSIVE, State.SKIPPED),
        (FindingStatus.MASKED, State.SKIPPED),
    ],
)
def test_only_what_was_introduced_fails(status: FindingStatus, expected: State) -> None:
    assert state(values.run(values.finding(status=status)), "findings", "findings") is expected


@pytest.mark.parametrize(("hits", "expected"), [(1, State.BROKEN), (0, State.SKIPPED)])
def test_an_open_finding_is_broken_if_the_verdict_hangs_on_it(hits: int, expected: State) -> None:
    finding = values.finding(status=FindingStatus.INCONCLUSIVE, patched=Count(hits=hits, trials=1))
    assert state(values.run(finding, verdict=Verdict.INCONCLUSIVE), "findings", "findings") is expected


def failing(*sides: str, status: Status = Status.FAIL) -> tuple[Trial, ...]:
    bad = values.outcome(status=status, reason="it broke", output="last words")
    return tuple(
        values.trial(side, outcomes=(bad if side in sides else values.outcome(),)) for side in ("base", "patched")
    )


def test_a_workload_fails_where_the_patch_is_to_blame() -> None:
    run = values.run(values.finding(), verdict=Verdict.REGRESSION, trials=failing("base", "patched"))
    assert state(run, "patched", "churn") is State.FAILED
    assert state(run, "base", "churn") is State.SKIPPED


def test_a_workload_that_fails_on_both_sides_is_skipped_with_the_reason() -> None:
    both = values.finding("churn failed", FindingStatus.BOTH)
    (result,) = found(values.run(both, trials=failing("base", "patched")), "patched", "churn")
    assert (result.state, result.reason) == (State.SKIPPED, "FAIL: it broke (not put down to the patch)")
    assert result.text == "last words"


def test_a_skip_keeps_its_own_reason() -> None:
    (result,) = found(values.run(trials=failing("patched", status=Status.SKIP)), "patched", "churn")
    assert (result.state, result.reason) == (State.SKIPPED, "it broke")


def test_a_test_that_failed_before_is_told_from_one_that_is_new() -> None:
    cases = tuple(Case(name=name, status=Status.FAIL, reason="no") for name in ("old", "young"))
    trial = values.trial("patched", outcomes=(values.outcome(status=Status.FAIL, cases=cases),))
    findings = (
        values.finding("young failed in churn"),
        values.finding("old failed in churn", FindingStatus.BOTH),
    )
    (result,) = found(values.run(*findings, trials=(trial,)), "patched", "churn")
    assert {inner.name: inner.state for inner in result.inner} == {"old": State.SKIPPED, "young": State.FAILED}


def test_a_kernel_that_does_not_boot_fails_in_boot() -> None:
    trial = values.trial("patched", outcomes=(), end=End.NEVER_BOOTED, end_reason="silent")
    run = values.run(values.finding(workload="boot"), trials=(values.trial("base"), trial))
    assert state(run, "base", "boot") is State.PASSED
    assert [(each.state, each.reason) for each in found(run, "patched", "boot")] == [
        (State.FAILED, "never booted: silent")
    ]


def test_a_kernel_that_does_not_compile_fails_in_build() -> None:
    failure = BuildFailure(name="patched", profile="s", errors=("a.c:1: error",), log=Path("l"), seconds=1)
    run = replace(values.run(values.finding(workload="build")), patched=failure, trials=())
    (result,) = found(run, "patched", "build")
    assert (result.state, result.text) == (State.FAILED, "a.c:1: error")


def test_of_one_kernel_alone_all_that_it_shows_fails() -> None:
    run = values.run(values.finding(status=FindingStatus.SEEN), patched=None, trials=failing("base")[:1])
    assert state(run, "base", "churn") is State.FAILED
