from dataclasses import replace
from typing import Any

import pytest

from rig.model import End, Left, Outcome, Run, Status, Trial
from rig.render.html.consoles import pack
from rig.render.html.grid import Cell, grid, keyed
from tests import values
from tests.render import made_up
from tests.render.made_up import KASAN

RAW = b"boot\n[ 1.0] rig: begin churn\nx\nWARNING\n"


def cells(*trials: Trial) -> dict[str, tuple[Cell, ...]]:
    run = replace(made_up.rich()[0], trials=trials)
    return dict(grid(run, {key: pack(RAW, each) for key, each in keyed(run)}).rows)


def letter(outcomes: tuple[Outcome, ...], **given: Any) -> str:
    (cell,) = cells(values.trial("base", outcomes=outcomes, **given))["churn"]
    assert cell.kind
    return cell.kind.letter


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        (values.outcome(), "P"),
        (values.outcome(status=Status.FAIL), "F"),
        (values.outcome(status=Status.SKIP), "S"),
        (values.outcome(status=Status.ERROR), "E"),
        (values.outcome(status=Status.MISS), "M"),
        (values.outcome(l2_entries=0), "N"),
        (values.outcome(left=(Left(what="kvm_vcpu", before=1, after=2),)), "L"),
    ],
)
def test_what_came_of_a_workload_is_a_letter(outcome: Outcome, expected: str) -> None:
    assert letter((outcome,)) == expected


def test_a_report_outweighs_what_the_workload_says_of_itself() -> None:
    (cell,) = cells(values.trial("base", values.report(KASAN, start=RAW.index(b"WARNING"))))["churn"]
    assert cell.kind
    assert (cell.kind.letter, cell.reports, cell.why) == ("R", 1, KASAN)
    assert cell.href == "#t1:4"


def test_a_report_that_no_finding_is_about_was_passed_over() -> None:
    (cell,) = cells(values.trial("base", values.report("KCSAN: data-race in f")))["churn"]
    assert cell.kind
    assert (cell.kind.letter, cell.kind.tone) == ("K", "idle")


def test_a_cell_without_a_report_leads_to_the_beginning() -> None:
    assert cells(values.trial())["churn"][0].href == "#t1:2"
    assert cells(values.trial())["boot"][0].href == "#t1:1"


def test_a_guest_that_dies_leaves_the_rest_unreached() -> None:
    trial = values.trial(outcomes=(), end=End.NEVER_BOOTED, planned=("churn", "late"), end_reason="silent")
    rows = cells(trial)
    kinds = {name: each[0].kind and each[0].kind.letter for name, each in rows.items()}
    assert kinds == {"boot": "X", "churn": "–", "late": "–", "end": "X"}
    assert rows["late"][0].href == ""
    assert rows["end"][0].why == "guest never booted: silent"


def test_what_was_not_planned_is_empty() -> None:
    rows = cells(values.trial(), values.trial(index=2, planned=("other",), outcomes=()))
    assert [cell.kind is None for cell in rows["churn"]] == [False, True]


def test_base_stands_before_patched_and_keys_keep_their_trials() -> None:
    run: Run = replace(made_up.rich()[0], trials=(values.trial("patched"), values.trial("base")))
    assert [(key, trial.side) for key, trial in grid(run, {}).trials] == [("t2", "base"), ("t1", "patched")]
