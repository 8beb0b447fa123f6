from dataclasses import replace

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from rig.model import Comparison, FindingStatus, Location, MetricChange, MetricKind, Run, Verdict
from rig.render import markdown
from tests import values

REGRESSION = values.run(
    values.finding(place=Location(function="foo", file="a.c", line=2), source=((1, "{"), (2, "\tfoo(`|`);"))),
    values.finding("BUG in old", FindingStatus.BOTH),
    verdict=Verdict.REGRESSION,
)


def tokens(run: Run) -> list[Token]:
    """Return what GitHub's dialect makes of it, flattened."""
    parsed = MarkdownIt("commonmark").enable("table").parse(markdown.to_markdown(run))
    return [each for token in parsed for each in (token.children or [token])]


def cells(run: Run) -> list[str]:
    return [token.content for token in tokens(run) if token.type == "code_inline"]


def test_the_verdict_comes_first() -> None:
    assert markdown.to_markdown(REGRESSION).startswith("### ❌ Regression\n\n`patched against base introduced WARNING")


def test_findings_stand_in_a_table() -> None:
    assert cells(REGRESSION)[1:5] == ["WARNING in foo", "churn", "3 of 3 patched, 0 of 3 base", "BUG in old"]


def test_the_report_of_what_is_new_is_folded_up_with_its_source() -> None:
    blocks = [token.content for token in tokens(REGRESSION) if token.type == "fence"]
    assert blocks == [
        "       1  {\n>      2          foo(`|`);\n",
        "WARNING in foo\nCall Trace:\n foo+0x1/0x2 (a.c:1)\n",
    ]
    assert "<details><summary><code>WARNING in foo at a.c:2 in foo</code></summary>" in markdown.to_markdown(REGRESSION)


def test_metrics_that_differ_are_listed() -> None:
    change = MetricChange(
        name="pf|fixed",
        unit="1",
        workload="churn",
        kind=MetricKind.EXACT,
        base=(10.0, 10.0),
        patched=(5.0, 5.0),
        change=-0.5,
        p_value=None,
        significant=True,
    )
    alike = replace(change, name="same", significant=False)
    run = replace(values.run(), comparison=Comparison(verdict=Verdict.CLEAN, findings=(), metrics=(change, alike)))
    assert "| `churn` | `pf\\|fixed` | 10 | 5 | -50.0% |" in markdown.to_markdown(run)
    assert "same" not in markdown.to_markdown(run)


def test_the_environment_and_the_command_close_it() -> None:
    *_, environment, command, run = cells(values.run())
    assert "profile sanitize; 2 vCPUs, 1024 MiB, tcg, QEMU 7.2; gcc 12" in environment
    assert (command, run) == ("rig compare base patched", "20260101-000000-abcd")


@pytest.mark.parametrize("text", ["`", "``a`b", "a`", " a ", "", "a|b"])
def test_code_is_code_whatever_is_in_it(text: str) -> None:
    (paragraph,) = [token for token in MarkdownIt().parse(f"x {markdown.code(text)} y") if token.type == "inline"]
    spans = [child.content for child in paragraph.children or [] if child.type == "code_inline"]
    assert [span.strip() for span in spans] == [text.strip()]


def test_hostile_text_is_nothing_but_code() -> None:
    for token in tokens(values.hostile()):
        if token.type in ("code_inline", "fence"):
            continue
        assert token.type != "link_open"
        for evil in ("@everyone", "https://", "<script>", "#1"):
            inside = "<details><summary><code>" in token.content and evil not in ("<script>",)
            assert evil not in token.content or inside  # escaped HTML in <code>, where nothing is linked


def test_a_comment_is_not_longer_than_github_takes() -> None:
    found = [values.finding(f"WARNING in f{number}", example=("x" * 5000 + "\n") * 100) for number in range(100)]
    assert len(markdown.to_markdown(values.run(*found, verdict=Verdict.REGRESSION))) < 65536
