from dataclasses import replace
from email import message_from_string

from rig.model import Comparison, FindingStatus, Location, Run, Verdict
from rig.render import mail
from tests import values

LONG = "\n".join(f" frame_{number}+0x1/0x2 (a.c:{number})" for number in range(100))
REGRESSION = values.run(
    values.finding(
        "KASAN: use-after-free Read in foo", example=LONG, place=Location(function="foo", file="a.c", line=9)
    ),
    values.finding("WARNING in bar"),
    values.finding("BUG in old", FindingStatus.BOTH),
    verdict=Verdict.REGRESSION,
)


def body(run: Run, **given: str) -> list[str]:
    return mail.to_text(run, **given).splitlines()[2:]


def test_the_subject_says_what_was_tested_and_what_it_did() -> None:
    subject = message_from_string(mail.to_text(REGRESSION))["Subject"]
    assert subject == "[rig] patched: KASAN: use-after-free Read in foo (and 1 more)"


def test_a_clean_run_takes_three_lines() -> None:
    assert body(values.run()) == [
        "patched against base: no finding on either side.",
        "base 1 boot, patched 1 boot in 100 s, profile sanitize, tcg.",
        "Again: rig compare base patched",
    ]


def test_only_regressions_are_told() -> None:
    text = mail.to_text(REGRESSION)
    assert "WARNING in bar" in text
    assert "BUG in old" not in text


def test_the_report_is_cut_to_a_page_with_its_place_and_beginning() -> None:
    text = mail.to_text(REGRESSION)
    assert len(text.splitlines()) <= mail.PAGE
    assert "  at a.c:9 in foo" in text
    assert "   frame_0+0x1/0x2 (a.c:0)" in text
    assert "more lines" in text


def test_a_page_holds_many_regressions_too() -> None:
    many = [values.finding(f"WARNING in f{number}", example=LONG) for number in range(50)]
    text = mail.to_text(values.run(*many, verdict=Verdict.REGRESSION), reported_by="Me <me@example.org>", closes="u")
    assert len(text.splitlines()) <= mail.PAGE
    assert "  and 44 more" in text


def test_our_own_words_fit_into_a_terminal() -> None:
    report = set(LONG.splitlines())
    assert all(len(line) <= 80 for line in mail.to_text(REGRESSION).splitlines() if line.strip() not in report)


def test_trailers_are_there_only_when_given() -> None:
    assert "Reported-by" not in mail.to_text(REGRESSION)
    told = mail.to_text(REGRESSION, reported_by="Me <me@example.org>", closes="https://example.org/1")
    assert "\n  Reported-by: Me <me@example.org>\n  Closes: https://example.org/1\n" in told


def test_the_command_is_without_where_its_results_went() -> None:
    run = replace(REGRESSION, command="rig compare -q base 'my patch' --json /tmp/x.json --mail=m -s 5")
    assert "\n  rig compare base 'my patch' -s 5\n" in mail.to_text(run)


def test_an_undecided_run_says_why() -> None:
    told = Comparison(verdict=Verdict.INCONCLUSIVE, findings=(), metrics=(), notes=("churn showed nothing on base",))
    text = mail.to_text(replace(values.run(), comparison=told))
    assert "[rig] patched: inconclusive" in text
    assert "- churn showed nothing on base" in text


def test_hostile_text_is_ascii_indented_and_no_header() -> None:
    text = mail.to_text(values.hostile())
    assert text.isascii()
    assert set(filter(lambda char: not char.isprintable(), text)) == {"\n"}
    assert message_from_string(text).keys() == ["Subject"]
    assert not [line for line in text.splitlines() if line.startswith(("Reported-by", "---", "diff", "not ok"))]


def test_what_is_undecided_is_named() -> None:
    run = values.run(values.finding(status=FindingStatus.INCONCLUSIVE), verdict=Verdict.INCONCLUSIVE)
    assert "- undecided: WARNING in foo: 3 of 3 patched, 0 of 3 base" in mail.to_text(run)
