import junitparser

from rig.model import Case, FindingStatus, Run, Status, Verdict
from rig.render import junit
from tests import values


def read(run: Run) -> junitparser.JUnitXml:
    return junitparser.JUnitXml.fromstring(junit.to_xml(run).encode())


def cases(run: Run) -> dict[tuple[str, str], junitparser.TestCase]:
    return {(case.classname, case.name): case for suite in read(run) for case in suite}


def kinds(case: junitparser.TestCase) -> list[type]:
    return [type(each) for each in case.result]


REGRESSION = values.run(values.finding(), verdict=Verdict.REGRESSION)


def test_there_is_a_suite_for_each_side_and_workload() -> None:
    names = [suite.name for suite in read(REGRESSION)]
    sides = [f"{side}: {name}" for side in ("base", "patched") for name in ("build", "boot", "churn")]
    assert names == ["verdict", "findings", *sides]


def test_what_is_new_is_a_failure_with_its_report() -> None:
    case = cases(REGRESSION)["rig.findings", "WARNING in foo"]
    assert kinds(case) == [junitparser.Failure]
    assert case.result[0].message == "new: 3 of 3 patched, 0 of 3 base"
    assert "foo+0x1/0x2 (a.c:1)" in case.result[0].text


def test_what_both_have_passes_and_is_told() -> None:
    case = cases(values.run(values.finding(status=FindingStatus.BOTH)))["rig.findings", "WARNING in foo"]
    assert kinds(case) == []
    assert "both: 3 of 3" in case.system_out


def test_what_is_undecided_is_an_error() -> None:
    run = values.run(values.finding(status=FindingStatus.INCONCLUSIVE), verdict=Verdict.INCONCLUSIVE)
    assert kinds(cases(run)["rig.findings", "WARNING in foo"]) == [junitparser.Error]


def test_skipped_has_its_reason() -> None:
    skipped = values.trial("patched", outcomes=(values.outcome(status=Status.SKIP, reason="no svm"),))
    case = cases(values.run(trials=(skipped,)))["rig.patched.churn", "trial 1"]
    assert kinds(case) == [junitparser.Skipped]
    assert case.result[0].message == "no svm"


def test_tests_of_a_workload_stand_behind_it() -> None:
    outcome = values.outcome("mine.sh", cases=(Case(name="one", status=Status.PASS, seconds=1.5),))
    found = cases(values.run(trials=(values.trial("patched", outcomes=(outcome,)),)))
    assert found["rig.patched.mine_sh", "trial 1: one"].time == 1.5


def test_the_numbers_add_up() -> None:
    xml = read(REGRESSION)
    counted = xml.tests, xml.failures, xml.errors, xml.skipped
    xml.update_statistics()  # type: ignore[no-untyped-call]
    assert (xml.tests, xml.failures, xml.errors, xml.skipped) == counted == (8, 2, 0, 0)


def test_whether_anything_fails_is_what_the_verdict_says() -> None:
    assert (read(values.run()).failures, read(values.run(values.finding(), verdict=Verdict.REGRESSION)).failures) == (
        0,
        2,
    )


def test_hostile_text_stays_text() -> None:
    text = junit.to_xml(values.hostile())
    read(values.hostile())  # it parses, and that means: no character that XML forbids
    assert "[[ATTACHMENT|" not in text
    assert "<script>" not in text
    assert text.isprintable() or set(filter(lambda char: not char.isprintable(), text)) <= {"\n"}


def test_the_run_can_be_found_again() -> None:
    first = next(iter(read(REGRESSION)))
    told = {each.name: each.value for each in first.properties()}  # type: ignore[no-untyped-call]
    assert (told["run"], told["command"]) == ("20260101-000000-abcd", "rig compare base patched")
