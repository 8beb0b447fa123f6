"""Patch coverage in short, in every format that tells of it."""

import json
from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console

from rig.model import BuildFailure, Run, Verdict
from rig.render import covered, document, mail, markdown, terminal, wording
from tests import values


def shown(run: Run) -> str:
    console = Console(file=StringIO(), width=120)
    console.print(terminal.summary(run, "/runs/x"))
    return console.file.getvalue()  # type: ignore[attr-defined, no-any-return]


def test_the_share_and_the_workloads_make_the_title() -> None:
    assert covered.title(values.covered()) == "1 of 3 changed lines ran (33%) under churn"


def test_commits_are_named_only_if_there_are_several() -> None:
    one = covered.short(values.covered())
    assert [(row.where, row.ran) for row in one.rows] == [("kvm_f()", "1 of 2"), ("kvm_g()", "0 of 1")]
    second = values.changed(30, 1, commit=1, function="")
    two = covered.short(values.covered(lines=(*values.covered().lines, second)))
    assert [row.where for row in two.rows] == [
        "commit 1: kvm_f()",
        "commit 1: kvm_g()",
        "commit 2: outside of functions",
    ]


def test_no_more_than_a_dozen_lines_are_shown() -> None:
    many = covered.short(values.covered(lines=tuple(values.changed(n, 0) for n in range(15))))
    assert (len(many.missed), many.more) == (12, "and 3 more lines")


@pytest.mark.parametrize("text", [shown, markdown.to_markdown, mail.to_text], ids=["terminal", "markdown", "mail"])
def test_each_format_tells_the_figures_and_the_lines_that_never_ran(text: object) -> None:
    assert callable(text)
    said = " ".join(text(values.run(coverage=values.covered())).split())
    assert "1 of 3 changed lines ran (33%)" in said
    assert "kvm_g()" in said
    assert "virt/kvm/x.c:11: line(11);" in said
    assert "not measured: x.S: assembly" in said
    assert "line(10)" not in said


def test_a_regression_by_mail_tells_of_it_too() -> None:
    run = values.run(values.finding(), verdict=Verdict.REGRESSION, coverage=values.covered())
    assert "Patch coverage: 1 of 3 changed lines ran (33%) under churn." in mail.to_text(run)


def test_runs_without_it_say_nothing_of_it() -> None:
    run = values.run()
    assert "overage" not in shown(run) + markdown.to_markdown(run) + mail.to_text(run)
    assert document.document(run)["coverage"] is None


def test_json_has_the_figures_by_commit_and_function() -> None:
    told = json.loads(document.to_json(values.run(coverage=values.covered())))["coverage"]
    assert (told["ran"], told["changed"], round(told["share"], 3)) == (1, 3, 0.333)
    assert told["functions"][0] == {"commit": 0, "file": "virt/kvm/x.c", "function": "kvm_f", "ran": 1, "changed": 2}
    assert [line["line"] for line in told["missed"]] == [11, 20]


def test_the_verdict_says_what_never_ran() -> None:
    run = values.run(coverage=values.covered())
    assert wording.because(run).endswith("no finding on either side, but what changes in kvm_g() never ran")
    several = values.covered(lines=tuple(values.changed(n, 0, function=f"kvm_{n}") for n in range(3)))
    assert wording.because(replace(run, coverage=several)).endswith("kvm_0() (and 2 more functions) never ran")


def test_what_can_not_have_run_is_not_said_to_have_never_run() -> None:
    failure = BuildFailure(name="p", profile="s", errors=(), log=values.kernel().bzimage, seconds=1)
    assert "never ran" not in wording.because(values.run(patched=failure))
