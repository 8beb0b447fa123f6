from dataclasses import replace

from rig.model import Case, Status
from rig.render.cases import lines
from tests import values
from tests.render.test_terminal import run


def skipped(name: str, reason: str) -> Case:
    return Case(name=name, status=Status.SKIP, reason=reason)


def told(**given: tuple[Case, ...]) -> list[str]:
    """What is said of one trial of each side with these cases."""
    trials = (
        values.trial(side, outcomes=(values.outcome("tests", cases=given.get(side, ())),))
        for side in ("base", "patched")
    )
    return list(lines(replace(run(), trials=tuple(trials))))


def test_each_side_has_its_numbers() -> None:
    good, bad = Case(name="a", status=Status.PASS), Case(name="b", status=Status.FAIL)
    assert told(base=(good,), patched=(good, bad)) == ["tests on base: 1 PASS", "tests on patched: 1 PASS, 1 FAIL"]


def test_a_kernel_alone_goes_by_its_name() -> None:
    cases = (Case(name="a", status=Status.PASS),)
    trial = values.trial("base", outcomes=(values.outcome("tests", cases=cases),))
    alone = replace(run(), base=values.kernel("mine"), patched=None, trials=(trial,))
    assert list(lines(alone)) == ["tests on mine: 1 PASS"]


def test_skips_are_listed_by_reason() -> None:
    some = (skipped("a", "no VMX"), skipped("b", "no time"), skipped("c", "no VMX"), skipped("d", ""))
    assert told(base=some)[1:] == [
        "  skipped, no VMX: a, c",
        "  skipped, no time: b",
        "  skipped, no reason given: d",
    ]


def test_skips_that_both_sides_have_are_told_once() -> None:
    some = (skipped("a", "no VMX"),)
    numbers = ["tests on base: 1 SKIP", "tests on patched: 1 SKIP"]
    assert told(base=some, patched=some) == [*numbers, "  skipped, no VMX: a"]
    other = told(base=some, patched=(skipped("b", "no VMX"),))
    assert other == [numbers[0], "  skipped, no VMX: a", numbers[1], "  skipped, no VMX: b"]


def test_long_lists_are_cut() -> None:
    some = tuple(skipped(f"t{number}", "x") for number in range(9))
    assert told(base=some)[1] == "  skipped, x: t0, t1, t2, t3, t4, t5 and 3 more"


def test_workloads_without_tests_are_not_mentioned() -> None:
    assert told() == []
