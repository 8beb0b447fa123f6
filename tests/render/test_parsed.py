import json

from rig.model import Report
from rig.render.parsed import Parsed, as_json, as_json_line, as_text, heading

REPORT = Report(
    title="WARNING in kvm_put",
    alt_titles=("warning in kvm_put",),
    type="WARNING",
    frame="kvm_put",
    context="T1",
    start=10,
    end=20,
    text="WARNING: here\n \x1b[31mred\x9b",
)
LOG = Parsed(file="a.log", reports=(REPORT,))
CLEAN = Parsed(file="b.log", reports=())


def test_json_of_one_log() -> None:
    (report,) = json.loads(as_json([LOG], several=False))["reports"]
    fields = ("title", "alt_titles", "type", "frame", "corrupted", "suppressed", "context", "start", "end", "text")
    wanted = {name: getattr(REPORT, name) for name in fields} | {"alt_titles": ["warning in kvm_put"]}
    assert {name: report[name] for name in fields} == wanted


def test_json_of_several_logs() -> None:
    files = json.loads(as_json([LOG, CLEAN], several=True))["files"]
    assert [(log["file"], len(log["reports"])) for log in files] == [("a.log", 1), ("b.log", 0)]


def test_json_lines_name_their_log() -> None:
    line = as_json_line(LOG)
    assert line.index("\n") == len(line) - 1
    assert json.loads(line)["file"] == "a.log"


def test_text_says_what_and_where_and_is_safe_to_print() -> None:
    text = as_text(REPORT).plain
    assert text.startswith("\nWARNING in kvm_put\nWARNING, bytes 10-20, context T1, also: warning in kvm_put\n")
    assert all(char.isprintable() or char == "\n" for char in text)


def test_text_says_what_the_bug_goes_by() -> None:
    report = Report(title="BUG: soft lockup in kvm_a", message="CPU#1 stuck for 26s!", signature="stall: kvm_b < kvm_c")
    assert "CPU#1 stuck for 26s!, bytes 0-0, signature: stall: kvm_b < kvm_c\n" in as_text(report).plain


def test_text_says_why_a_report_is_not_to_be_trusted() -> None:
    report = Report(title="BUG: corrupted", corrupted=True, corrupted_reason="no trace", suppressed=True)
    text = as_text(report).plain
    assert "corrupted: no trace" in text
    assert "suppressed" in text


def test_the_lines_that_name_the_function_to_blame_stand_out() -> None:
    text = as_text(Report(title="WARNING in kvm_put", frame="kvm_put", text="WARNING: here\n other+0x1\n kvm_put+0x1"))
    assert [text.plain[span.start : span.end] for span in text.spans if span.style == "bold yellow"] == [
        "     kvm_put+0x1\n"
    ]


def test_heading() -> None:
    assert [heading(log).plain for log in (LOG, CLEAN)] == ["a.log: 1 report\n", "b.log: no reports\n"]
