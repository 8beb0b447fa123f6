"""How findings open and close over the nights."""

from dataclasses import replace
from typing import Any

from rig.memory.values import Regression, Where
from rig.model import Count, FindingStatus
from rig.nightly import regressions
from rig.nightly.regressions import Seen, Tonight
from tests.values import finding

WHERE = Where(kernel="mainline", profile="sanitize", shape="default")


def seen(title: str = "A", status: FindingStatus = FindingStatus.NEW, hits: int = 3, **given: Any) -> Seen:
    where, run = given.pop("where", WHERE), given.pop("run", "r1")
    counts = {"base": Count(hits=0, trials=3), "patched": Count(hits=hits, trials=max(3, hits))}
    return Seen(where=where, run=run, finding=finding(title, status, **{**counts, **given}))


def tonight(night: str = "n1", commit: str = "c1", able: int = 3) -> Tonight:
    return Tonight(night=night, commits={"mainline": commit}, able=lambda _: able)


def opened(*more: Seen) -> Regression:
    (regression,) = regressions.fold((), (seen(), *more), tonight())
    return replace(regression, number=1)


def test_what_is_seen_first_opens() -> None:
    found = opened()
    assert (found.title, found.open, found.standing, found.opened, found.bad) == ("A", True, "confirmed", "n1", "c1")
    assert [(each.night, each.hits, each.trials, each.runs) for each in found.observations] == [("n1", 3, 3, ("r1",))]


def test_what_nobody_confirmed_is_suspected_and_what_the_release_has_is_old() -> None:
    doubt = seen("B", FindingStatus.INCONCLUSIVE, hits=1)
    both = seen("C", FindingStatus.BOTH)
    found = regressions.fold((), (doubt, both), tonight())
    assert {each.title: each.standing for each in found} == {"B": "suspected", "C": "old"}


def test_what_is_fixed_against_the_release_opens_nothing() -> None:
    assert regressions.fold((), (seen("A", FindingStatus.FIXED, hits=0),), tonight()) == ()


def test_places_of_one_bug_are_one_regression() -> None:
    other = seen("B", alt_titles=("A",), where=replace(WHERE, profile="leak"), run="r2", workload="teardown")
    found = opened(other)
    assert (found.alt_titles, found.profiles, found.workloads) == (("B",), ("sanitize", "leak"), ("churn", "teardown"))
    assert (found.observations[0].hits, found.observations[0].runs) == (6, ("r1", "r2"))


def test_another_kernels_is_another_one() -> None:
    found = regressions.fold((opened(),), (seen(where=replace(WHERE, kernel="next")),), tonight("n2"))
    assert {(each.number, each.kernel) for each in found} == {(0, "next"), (1, "mainline")}


def test_the_same_night_twice_counts_once() -> None:
    first = opened()
    (again,) = regressions.fold((first,), (seen(),), tonight())
    assert again == first


def test_it_closes_when_it_is_shown_to_be_gone_on_another_commit() -> None:
    (quiet,) = regressions.fold((opened(),), (), tonight("n2", "c2", able=1))
    assert quiet.open
    assert regressions.missing(quiet) == 2
    (gone,) = regressions.fold((quiet,), (), tonight("n3", "c2", able=2))
    assert (gone.open, gone.closed, gone.last_seen) == (False, "n3", "n1")


def test_silence_on_the_same_commit_only_makes_it_rarer() -> None:
    (quiet,) = regressions.fold((opened(),), (), tonight("n2", "c1", able=50))
    assert quiet.open


def test_a_night_that_could_not_have_shown_it_says_nothing() -> None:
    assert regressions.fold((opened(),), (), tonight("n2", "c2", able=0)) == ()


def test_a_kernel_that_did_not_run_says_nothing() -> None:
    quiet = Tonight(night="n2", commits={"next": "x"}, able=lambda _: 9)
    assert regressions.fold((opened(),), (), quiet) == ()


def test_a_build_that_works_again_closes_at_once() -> None:
    broken = replace(opened(), type="BUILD")
    (gone,) = regressions.fold((broken,), (), tonight("n2", "c2", able=1))
    assert gone.closed == "n2"


def test_what_comes_back_opens_anew_without_its_old_culprit() -> None:
    closed = replace(opened(), open=False, closed="n2", culprit="c1 x", odds=0.97, bisection="b1")
    (back,) = regressions.fold((closed,), (seen(),), tonight("n3", "c3"))
    assert (back.number, back.open, back.opened, back.first_seen, back.closed) == (1, True, "n3", "n1", "")
    assert (back.bad, back.culprit, back.odds, back.bisection) == ("c3", "", None, "")


def test_a_suspicion_becomes_sure_and_a_doubt_takes_nothing_back() -> None:
    (doubt,) = regressions.fold((), (seen(status=FindingStatus.INCONCLUSIVE, hits=1),), tonight())
    (sure,) = regressions.fold((replace(doubt, number=1),), (seen(),), tonight("n2", "c2"))
    (still,) = regressions.fold((sure,), (seen(status=FindingStatus.INCONCLUSIVE, hits=1),), tonight("n3", "c3"))
    assert (sure.standing, still.standing) == ("confirmed", "confirmed")


def test_what_was_seen_too_seldom_cannot_be_shown_to_be_gone() -> None:
    rare = replace(opened(), observations=(replace(opened().observations[0], hits=1, trials=60),))
    assert regressions.missing(rare) is None


def test_findings_that_were_one_regression_stay_one_and_those_that_a_third_links_become_one() -> None:
    known = replace(opened(), alt_titles=("B",))
    (still,) = regressions.fold((known,), (seen("A"), seen("B", run="r2")), tonight("n2", "c2"))
    assert (still.number, still.observations[-1].runs) == (1, ("r1", "r2"))
    (linked,) = regressions.fold((), (seen("A"), seen("C"), seen("B", alt_titles=("A", "C"))), tonight())
    assert linked.titles == {"A", "B", "C"}
