from dataclasses import replace
from pathlib import Path

import pytest

from rig import shown
from rig.compare import Rules, Side
from rig.model import BuildFailure, CompilerWarning, End, Kernel, Report, Status, Trial
from tests import values

RULES = Rules(planned=("churn",), profile="sanitize", guarded=("churn/pf_*",))
GOOD = Side(kernel=values.kernel("good"), trials=(values.trial(),))
WARNING = values.report("WARNING in foo", "WARNING in bar", type="WARNING")


def known(*trials: Trial, title: str = "WARNING in foo", good: Side = GOOD) -> shown.Known:
    bad = Side(kernel=values.kernel("bad"), trials=trials)
    finding = shown.named(title, shown.of_bad(bad, good, RULES))
    assert finding
    return shown.known(finding, bad, good, RULES)


def trial(*reports: Report, **given: object) -> Trial:
    return values.trial("patched", *reports, **given)  # type: ignore[arg-type]


def counted(value: float) -> Trial:
    return trial(outcomes=(values.outcome(metrics=(values.metric("pf_fixed", value),)),))


# ---- trials


def test_a_trial_with_the_same_report_shows_it() -> None:
    assert known(trial(WARNING)).shown(trial(WARNING)) is True


def test_a_trial_with_the_same_bug_under_another_title_shows_it() -> None:
    assert known(trial(WARNING)).shown(trial(values.report("WARNING in bar", type="WARNING"))) is True


def test_a_trial_with_another_report_does_not() -> None:
    assert known(trial(WARNING)).shown(trial(values.report("WARNING in qux", type="WARNING"))) is False


def test_a_trial_that_ran_well_does_not() -> None:
    assert known(trial(WARNING)).shown(trial()) is False


def test_a_trial_without_progress_says_nothing() -> None:
    idle = values.outcome(iterations=0)
    assert known(trial(WARNING)).shown(trial(outcomes=(idle,))) is None


def test_a_trial_whose_detector_was_spent_before_says_nothing() -> None:
    spent = values.outcome("other", detectors_lost=("lockdep",))
    assert known(trial(WARNING)).shown(trial(outcomes=(spent, values.outcome()))) is None


def test_a_guest_that_never_booted_says_nothing() -> None:
    at_boot = values.trial("patched", ("boot", WARNING))
    assert known(at_boot).shown(trial(outcomes=(), end=End.NEVER_BOOTED)) is None


def test_a_guest_that_never_booted_shows_that_it_does_not() -> None:
    dead = trial(outcomes=(), end=End.NEVER_BOOTED)
    assert known(dead, title="boot failure").shown(dead) is True
    assert known(dead, title="boot failure").shown(trial()) is False


def test_a_workload_that_fails_shows_its_failure() -> None:
    failed = trial(outcomes=(values.outcome(status=Status.FAIL),))
    assert known(failed, title="churn failed").shown(failed) is True


def test_a_counter_is_up_in_each_trial_or_it_is_not() -> None:
    good = replace(GOOD, trials=(counted(100), counted(102)))
    up = known(counted(200), title="churn: pf_fixed went up", good=good)
    assert up.sure
    assert (up.shown(counted(150)), up.shown(counted(101)), up.shown(trial())) == (True, False, None)


def test_only_trials_that_show_it_are_what_it_is_known_by() -> None:
    assert len(known(trial(), trial(WARNING), *[trial(WARNING)] * 5).bad.trials) == shown.ENOUGH


# ---- names


def test_a_pattern_that_fits_one_finding_is_its_name() -> None:
    found = (values.finding("WARNING in foo"), values.finding("KASAN: use in foo"))
    assert shown.named("WARN*", found) is found[0]


@pytest.mark.parametrize("title", ["* in foo", "BUG: *"])
def test_a_pattern_that_fits_several_or_none_names_nothing(title: str) -> None:
    assert shown.named(title, (values.finding("WARNING in foo"), values.finding("KASAN: use in foo"))) is None


# ---- builds


def failure(*errors: str) -> BuildFailure:
    return BuildFailure(name="k", profile="sanitize", errors=errors, log=Path("l"), seconds=1)


def warned(name: str, *texts: str) -> Kernel:
    found = (CompilerWarning(file="a.c", line=1, function="f", flag="-Wx", text=text) for text in texts)
    return values.kernel(name, warnings=tuple(found))


def test_a_build_fails_alike_wherever_the_line_has_moved_to() -> None:
    title = "build failure: a.c:7:1: error: oops"
    good = values.kernel("good")
    assert shown.built(title, failure("b.c:1:1: error: x", "a.c:9:2: error: oops"), good, RULES) is True
    assert shown.built(title, failure("a.c:7:1: error: other"), good, RULES) is None
    assert shown.built(title, values.kernel("k"), good, RULES) is False


def test_a_warning_that_the_good_kernel_has_not_is_shown() -> None:
    title, good = "compiler warning: a.c: new [-Wx]", warned("good", "old")
    assert shown.built(title, warned("k", "old", "new"), good, RULES) is True
    assert shown.built(title, warned("k", "old"), good, RULES) is False
    assert shown.built(title, failure("a.c:1: error: x"), good, RULES) is None
    assert [each.title for each in shown.of_bad(Side(kernel=warned("k", "new")), Side(kernel=good), RULES)] == [title]
