"""What came of each commit of a series, in words for tables."""

from rig.model import Build, Complaint, End, Step, Verdict
from rig.render import commits, document, junit, markdown, page, terminal
from rig.render.commits import Row
from tests import values
from tests.values import checked, presubmit

ERROR = Complaint(level="ERROR", kind="CODE_INDENT", text="use tabs", file="a.c", line=9)
WARNING = Complaint(level="WARNING", kind="LONG_LINE", text="too long")


def row(**given: object) -> Row:
    run = presubmit(checked(**given))  # type: ignore[arg-type]
    assert run.presubmit
    return commits.rows(run.presubmit)[0]


def test_a_good_commit_has_nothing_to_be_said_against_it() -> None:
    found = row(trials=(values.trial("patched"),), seconds=33.0)
    assert (found.checkpatch, found.build, found.warnings, found.boots) == ("ok", "33s", "none", "1 of 1")
    assert not found.bad


def test_what_speaks_against_sending_marks_a_commit() -> None:
    broken = values.trial("patched", end=End.PANICKED)
    assert row(complaints=(ERROR, ERROR)).checkpatch == "2 errors"
    assert row(complaints=(ERROR,)).bad
    assert not row(complaints=(WARNING,)).bad
    assert row(build=Build.FAILED).bad
    assert row(trials=(values.trial("patched"), broken)).boots == "1 of 2"
    assert row(trials=(broken,)).bad


def test_a_commit_that_was_not_booted_says_why() -> None:
    assert row(same="only comments changed").boots == "only comments changed"


def test_every_format_for_people_has_the_commits() -> None:
    run = presubmit(checked("a1b2c3d", complaints=(ERROR,)), steps=(Step(what="race", expected=60, included=False),))
    told = "".join(str(part) for part in terminal.summary(run, "/x").renderables)
    assert "a.c:9: ERROR: use tabs" in told
    assert "left out, for lack of time: race (1:00)" in told
    assert "| `a1b2c3d` | `KVM: x86: Do it` | 1 error |" in markdown.to_markdown(run)
    assert '<section id="commits">' in page.render(run, {})
    assert '<section id="commits">' not in page.render(values.run(), {})


def test_scripts_get_all_of_it() -> None:
    made = document.document(presubmit(checked("a1b2c3d", complaints=(ERROR,))))["presubmit"]
    assert made["commits"][0]["complaints"][0]["kind"] == "CODE_INDENT"


def test_what_a_commit_says_can_do_no_harm() -> None:
    said = Complaint(level="ERROR", kind="X", text=values.HOSTILE)
    run = presubmit(checked(subject=values.HOSTILE, complaints=(said,)), verdict=Verdict.REGRESSION)
    assert "<script>alert" not in page.render(run, {})
    assert "\n# Subtest" not in markdown.to_markdown(run)


def test_ci_systems_get_a_suite_for_each_commit() -> None:
    xml = junit.to_xml(presubmit(checked("one"), checked("two", build=Build.FAILED)))
    assert 'name="commit: one KVM: x86: Do it"' in xml
    assert '<failure message="it does not build"' in xml
