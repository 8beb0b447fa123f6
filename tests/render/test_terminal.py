from dataclasses import replace
from io import StringIO
from pathlib import Path

from rich.console import Console

from rig.model import (
    BuildFailure,
    Comparison,
    Count,
    Finding,
    FindingStatus,
    MetricChange,
    MetricKind,
    Run,
    Verdict,
)
from rig.render import terminal
from tests import values

FINDING = Finding(
    title="WARNING in \x1b[31mfoo",
    type="WARNING",
    status=FindingStatus.NEW,
    workload="churn",
    profile="sanitize",
    base=Count(hits=0, trials=4),
    patched=Count(hits=4, trials=4),
    p_value=0.0143,
    explanation="4 of 4 patched, 0 of 4 base",
    example="\x1b[2Jsplat\n" * 40,
    console="console-patched-1.log",
)
EFFECT = MetricChange(
    name="pf_fixed",
    unit="faults",
    workload="root-churn",
    kind=MetricKind.EXACT,
    base=(2015, 2015),
    patched=(129, 129),
    change=-0.936,
    p_value=None,
    significant=True,
)


def run(*findings: Finding, verdict: Verdict = Verdict.CLEAN) -> Run:
    return Run(
        id="20260101-000000-abcd",
        began="2026-01-01T00:00:00+00:00",
        seconds=100,
        command="rig compare base patched",
        base=values.kernel("base"),
        patched=values.kernel("patched"),
        trials=(values.trial("base"), values.trial("patched")),
        comparison=Comparison(verdict=verdict, findings=findings, metrics=(EFFECT,)),
        environment=values.ENVIRONMENT,
    )


def shown(a_run: Run) -> str:
    console = Console(width=140, record=True, file=StringIO())
    console.print(terminal.summary(a_run, "/runs/x"))
    return console.export_text()


def test_the_verdict_comes_first_then_evidence_then_the_command() -> None:
    text = shown(run(FINDING, verdict=Verdict.REGRESSION))
    order = [
        text.index(part) for part in ("REGRESSION", "4 of 4 patched", "pf_fixed", "again: rig compare base patched")
    ]
    assert order == sorted(order)


def test_a_clean_run_says_so_and_shows_the_counters_that_differ() -> None:
    alike = replace(EFFECT, name="pf_spurious", patched=EFFECT.base, change=0.0, significant=False)
    clean = run()
    text = shown(replace(clean, comparison=replace(clean.comparison, metrics=(EFFECT, alike))))
    assert text.startswith("CLEAN: patched against base: no finding on either side")
    assert "-93.6%" in text
    assert "pf_spurious" not in text
    assert "\n1 exact counter alike on both sides" in text


def test_of_many_counters_those_that_differ_most_are_listed() -> None:
    clean = run()
    changes = tuple(replace(EFFECT, name=f"c{number:02}", change=number / 100) for number in range(14))
    text = shown(replace(clean, comparison=replace(clean.comparison, metrics=changes)))
    assert [name for name in ("c13", "c02", "c01", "c00") if name in text] == ["c13", "c02"]
    assert "\n2 more differ less, no exact counters alike" in text


def test_hostile_console_text_does_not_reach_the_terminal() -> None:
    assert "\x1b" not in shown(run(FINDING, verdict=Verdict.REGRESSION))


def test_a_long_report_is_cut_with_a_way_to_the_rest() -> None:
    assert "15 more lines in console-patched-1.log" in shown(run(FINDING, verdict=Verdict.REGRESSION))


def test_a_build_failure_is_the_headline() -> None:
    failure = BuildFailure(name="patched", profile="s", errors=("a.c:1: error",), log=Path("l"), seconds=1)
    text = shown(replace(run(verdict=Verdict.REGRESSION), patched=failure))
    assert "patched does not compile, base does" in text
