import pytest

from rig import ktap
from rig.model import Case, Status


def read(text: str) -> dict[str, Case]:
    reader = ktap.Reader()
    return {case.name: case for line in text.splitlines() for case in reader.feed(line)}


def one(line: str, *before: str) -> Case:
    (case,) = read("\n".join(("KTAP version 1", *before, line))).values()
    return case


@pytest.mark.parametrize(
    ("line", "name", "status", "reason"),
    [
        ("ok 1 smm_test", "smm_test", Status.PASS, ""),
        ("not ok 2 smm_test", "smm_test", Status.FAIL, ""),
        ("ok 3 - with a dash", "with a dash", Status.PASS, ""),
        ("ok 4", "test 4", Status.PASS, ""),
        ("ok", "test 1", Status.PASS, ""),
        ("ok nameless", "nameless", Status.PASS, ""),
        ("ok 5 amx_test # SKIP no AMX", "amx_test", Status.SKIP, "no AMX"),
        ("ok 5 amx_test # skip: no AMX", "amx_test", Status.SKIP, "no AMX"),
        ("not ok 6 hang # TIMEOUT no end after 9 s", "hang", Status.FAIL, "no end after 9 s"),
        ("not ok 7 odd # ERROR no such file", "odd", Status.ERROR, "no such file"),
        ("not ok 8 known # XFAIL a bug", "known", Status.SKIP, "a bug"),
        ("not ok 9 later # TODO write it", "later", Status.SKIP, "write it"),
        ("ok 10 # SKIP nothing to do", "test 10", Status.SKIP, "nothing to do"),
        ("ok 11 bug #3 of many", "bug #3 of many", Status.PASS, ""),
        ("ok 12 skipper # SKIPPED is no directive", "skipper # SKIPPED is no directive", Status.PASS, ""),
    ],
)
def test_a_result(line: str, name: str, status: Status, reason: str) -> None:
    assert one(line) == Case(name=name, status=status, reason=reason)


@pytest.mark.parametrize("line", ["okay 1 x", "not okay", "1..3", "# ok 1 x", "notok 1", "ok1"])
def test_what_is_no_result(line: str) -> None:
    assert not read(f"KTAP version 1\n{line}")


def test_what_comes_before_the_version_is_not_read() -> None:
    assert not read("ok 1 x\nnot ok 2 y\n1..9\n")
    assert set(read("ok 1 x\nTAP version 13\nok 1 y")) == {"y"}


def test_a_failure_has_what_was_said_before_it_as_its_reason() -> None:
    case = one("not ok 1 x # TIMEOUT too long", "# expected 1", "not KTAP at all", "#   got 2")
    assert case.reason == "too long\nexpected 1\nnot KTAP at all\ngot 2"


def test_what_was_said_before_another_result_is_not_repeated() -> None:
    assert read("KTAP version 1\n# of a\nnot ok 1 a\n# of b\nnot ok 2 b")["b"].reason == "of b"


def test_only_the_last_words_are_kept() -> None:
    assert len(one("not ok 1 x", *(f"# {number}" for number in range(10_000))).reason.splitlines()) == ktap.SAID


def test_a_test_that_skips_itself_has_its_own_words_as_reason() -> None:
    assert one("ok 1 x # SKIP", "# 1..0 # SKIP - Requirement not met: VMX").reason == "Requirement not met: VMX"
    assert one("ok 1 x # SKIP", "# first", "# no such device, skipping test").reason == "no such device, skipping test"
    assert one("ok 1 x # SKIP").reason == ""


def test_seconds_are_of_the_result_they_stand_before() -> None:
    cases = read("KTAP version 1\n# seconds: 1.52\nok 1 a\nok 2 b")
    assert (cases["a"].seconds, cases["b"].seconds) == (1.52, 0)


def test_of_nested_tests_the_innermost_count() -> None:
    text = """KTAP version 1
1..2
  KTAP version 1
  1..2
    KTAP version 1
    1..1
    ok 1 deep
  ok 1 middle
  # why
  not ok 2 bad
not ok 1 outer
ok 2 alone
"""
    cases = read(text)
    assert {name: case.status for name, case in cases.items()} == {
        "outer.middle.deep": Status.PASS,
        "outer.bad": Status.FAIL,
        "alone": Status.PASS,
    }
    assert cases["outer.bad"].reason == "why"


def test_one_that_failed_though_all_inside_passed_counts_itself() -> None:
    assert set(read("KTAP version 1\n  ok 1 inside\nnot ok 1 outer")) == {"outer.inside", "outer"}


@pytest.mark.parametrize(("text", "missing"), [("1..3\nok 1 a\n  1..9", 2), ("1..1\nok 1 a", 0), ("ok 1 a", 0)])
def test_results_that_a_plan_promises_are_missed(text: str, missing: int) -> None:
    reader = ktap.Reader()
    for line in f"KTAP version 1\n{text}".splitlines():
        reader.feed(line)
    assert reader.missing == missing
