"""What looks at each commit of a series add up to."""

from dataclasses import replace
from pathlib import Path

from rig import series
from rig.model import (
    BuildFailure,
    Checked,
    Comparison,
    CompilerWarning,
    Complaint,
    Count,
    Finding,
    FindingStatus,
    Verdict,
)
from rig.series import Look
from tests.values import finding

NONE = Count(hits=0, trials=3)


def comparison(*findings: Finding) -> Comparison:
    bad = any(each.status is FindingStatus.NEW for each in findings)
    return Comparison(verdict=Verdict.REGRESSION if bad else Verdict.CLEAN, findings=findings, metrics=())


def look(short: str, *findings: Finding, workloads: tuple[str, ...] = ("churn",)) -> Look:
    return Look(short=short, workloads=workloads, comparison=comparison(*findings))


def warning(text: str = "unused variable", line: int = 1) -> CompilerWarning:
    return CompilerWarning(file="a.c", line=line, function="f", flag="-Wunused", text=text)


def commit(short: str, **given: object) -> Checked:
    return Checked(**{"id": "", "short": short, "subject": "s", "files": ("a.c",), **given})  # type: ignore[arg-type]


def test_a_finding_is_the_first_commits_that_shows_it() -> None:
    looks = (look("1"), look("2", finding("A")), look("3", finding("A")))
    (found,) = series.combined(looks[-1].comparison, looks, ()).findings
    assert (found.title, found.commit, found.mended) == ("A", "2", "")


def test_titles_that_are_alternatives_are_one_finding() -> None:
    looks = (look("1", finding("B", alt_titles=("A",))), look("2", finding("A")))
    (found,) = series.combined(looks[-1].comparison, looks, ()).findings
    assert (found.title, found.commit) == ("A", "1")


def test_no_commit_is_blamed_if_those_before_could_not_have_shown_it() -> None:
    looks = (look("1", workloads=()), look("2", finding("A")))
    (found,) = series.combined(looks[-1].comparison, looks, ()).findings
    assert (found.commit, found.advice) == ("", series.WHICH)


def test_the_only_commit_is_to_blame() -> None:
    looks = (look("1", finding("A")),)
    assert series.combined(looks[0].comparison, looks, ()).findings[0].commit == "1"


def test_a_commit_before_it_that_could_not_be_tried_may_be_to_blame() -> None:
    looks = (look("1"), replace(look("3", finding("A")), untried=("2",)))
    (found,) = series.combined(looks[-1].comparison, looks, ()).findings
    assert found.commit == ""
    assert "since 2 or 3, of which only the last could be tried" in found.explanation


def test_what_shows_at_boot_can_be_laid_at_a_commits_door() -> None:
    at_boot = finding("A", workload="boot")
    looks = (look("1", workloads=()), look("2", at_boot, workloads=()), look("3", at_boot))
    assert series.combined(looks[-1].comparison, looks, ()).findings[0].commit == "2"


def test_what_a_later_commit_mends_counts_all_the_same() -> None:
    looks = (look("1", finding("A")), look("2", finding("A")), look("3"))
    whole = series.combined(looks[-1].comparison, looks, ())
    assert whole.verdict is Verdict.REGRESSION
    assert [(each.title, each.commit, each.mended) for each in whole.findings] == [("A", "1", "3")]


def test_nothing_is_called_mended_by_a_commit_that_could_not_show_it() -> None:
    looks = (look("1", finding("A")), look("2", workloads=()))
    (found,) = series.combined(comparison(), looks, ()).findings
    assert found.mended == ""


def test_a_doubt_about_a_commit_leaves_the_series_open() -> None:
    doubt = finding("A", FindingStatus.INCONCLUSIVE, patched=Count(hits=1, trials=3))
    looks = (look("1", doubt), look("2"))
    assert series.combined(comparison(), looks, ()).verdict is Verdict.INCONCLUSIVE


def test_what_base_shows_too_is_nobodys() -> None:
    both = finding("A", FindingStatus.BOTH)
    looks = (look("1", both), look("2", both))
    (found,) = series.combined(looks[-1].comparison, looks, ()).findings
    assert (found.status, found.commit) == (FindingStatus.BOTH, "")


def test_a_commit_that_does_not_build_is_a_finding_with_who_mends_it() -> None:
    failure = BuildFailure(name="k", profile="sanitize", errors=("a.c:1: error: x",), log=Path("l"), seconds=1)
    found = series.unbuilt(failure, "2", "3")
    assert (found.status, found.commit, found.mended) == (FindingStatus.NEW, "2", "3")
    assert found.explanation == "2 does not build; 3 does again"
    assert series.combined(comparison(), (look("3"),), (found,)).verdict is Verdict.REGRESSION


def test_warnings_come_and_go_by_their_text_not_their_lines() -> None:
    came, went = series.difference([warning(line=1), warning("old")], [warning(line=9), warning("new"), warning("new")])
    assert ([each.text for each in came], [each.text for each in went]) == (["new", "new"], ["old"])


def test_a_warning_is_laid_at_its_commits_door() -> None:
    commits = (commit("1", warnings=(warning(),)), commit("2", mended=(warning(),)))
    (found,) = series.warnings(commits, "sanitize")
    assert (found.title, found.commit, found.mended) == ("compiler warning: a.c: unused variable [-Wunused]", "1", "2")


def test_a_warning_of_the_base_that_goes_is_fixed() -> None:
    (found,) = series.warnings((commit("1", mended=(warning(),)),), "sanitize")
    assert (found.status, found.commit) == (FindingStatus.FIXED, "1")


def test_the_warnings_of_the_tip_are_not_told_twice() -> None:
    twice = finding("compiler warning: a.c: x", type="COMPILER")
    looks = (look("1", twice),)
    assert series.combined(looks[0].comparison, looks, ()).findings == ()


def test_errors_of_checkpatch_count_and_warnings_do_not() -> None:
    said = (
        Complaint(level="ERROR", kind="CODE_INDENT", text="use tabs", file="a.c", line=7),
        Complaint(level="ERROR", kind="CODE_INDENT", text="use tabs", file="a.c", line=9),
        Complaint(level="WARNING", kind="LONG_LINE", text="too long", file="a.c", line=9),
    )
    (found,) = series.complaints((commit("1", complaints=said),), "sanitize")
    assert (found.title, found.explanation) == ("checkpatch: use tabs [CODE_INDENT]", "1: a.c:7, a.c:9")


def test_what_only_another_profile_shows_is_told_once() -> None:
    looks = (look("1", finding("A")),)
    other = comparison(finding("A", profile="race"), finding("B", profile="race"))
    found = series.combined(looks[0].comparison, looks, (), (other,)).findings
    assert [(each.title, each.profile) for each in found] == [("A", "sanitize"), ("B", "race")]


def test_what_a_kernel_does_comes_before_what_is_said_of_its_style() -> None:
    said = (finding("c", type="CHECKPATCH"), finding("w", type="COMPILER"), finding("b", type="BUILD"))
    looks = (look("1", finding("A"), finding("D", FindingStatus.INCONCLUSIVE)),)
    found = series.combined(looks[0].comparison, looks, said).findings
    assert [each.title for each in found] == ["A", "b", "w", "c", "D"]
