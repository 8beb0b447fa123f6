import json

from rich.console import Console

from rig.model import Check, Count, Finding, FindingStatus, KnownBad, Sure
from rig.render import checks

TITLE = "WARNING in foo"
SEEN = Finding(
    title=TITLE,
    type="WARNING",
    status=FindingStatus.INCONCLUSIVE,
    workload="root-churn",
    profile="sanitize",
    base=Count(hits=0, trials=1),
    patched=Count(hits=1, trials=1),
)


def check(name: str, finding: Finding | None, *, sure: Sure = "yes", title: str = TITLE) -> Check:
    known = KnownBad(
        name=name,
        subject="KVM: Do it wrong",
        expected=(title,),
        workloads=("root-churn",),
        profile="sanitize",
        sure=sure,
    )
    return Check(
        known=known,
        finding=finding,
        others=() if finding else ("WARNING in [bar]",),
        hits=1 if finding else 0,
        trials=1,
        after=2.5 if finding else None,
        seconds=60.0,
        run="" if finding else "R",
    )


CHECKS = (
    check("m01", SEEN),
    check("m02", None, title="possible deadlock in foo"),
    check("m03", None, sure="no", title="KASAN: double-free in foo"),
)


def text() -> str:
    console = Console(width=160, highlight=False)
    with console.capture() as capture:
        console.print(checks.summary(CHECKS))
    return capture.get()


def test_the_table_says_what_was_caught_and_what_was_not() -> None:
    lines = text().splitlines()
    assert lines[1].split() == ["m01", "caught", *TITLE.split(), "root-churn", "2.5", "s", "1", "of", "1", "yes"]
    assert lines[2].split()[:4] == ["m02", "missed", "expected", "possible"]


def test_the_words_below_say_which_detectors_work_here() -> None:
    said = [line.strip() for line in text().splitlines()]
    assert "1 of 3 caught; missed although sure: 1" in said
    assert "work here: WARNING" in said
    assert "not seen to work here: possible deadlock, KASAN" in said


def test_one_line_tells_of_each() -> None:
    assert checks.told(CHECKS[0]) == "m01: caught after 2.5 s: WARNING in foo"
    assert checks.told(CHECKS[1]) == (
        "m02: not caught (expected possible deadlock in foo); instead: WARNING in [bar]; run R"
    )


def test_markdown_has_a_row_for_each() -> None:
    rows = checks.markdown(CHECKS).splitlines()
    assert rows[2] == "| `m01` | `WARNING in foo` | root-churn | 2.5 s | 1 of 1 | yes |"
    assert len(rows) == 2 + len(CHECKS)


def test_json_has_it_all() -> None:
    read = json.loads(checks.to_json(CHECKS))
    assert [(each["name"], each["caught"], each["title"]) for each in read["checks"]] == [
        ("m01", True, TITLE),
        ("m02", False, None),
        ("m03", False, None),
    ]
