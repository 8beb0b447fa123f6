import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from rig import store
from rig.cli import main
from rig.errors import Exit
from rig.model import Source
from tests import values
from tests.test_bisecting import TITLE, Series, planned


@pytest.fixture
def lab(own_dirs: Path, monkeypatch: pytest.MonkeyPatch) -> Series:
    made = Series(own_dirs)
    made.stand_in(monkeypatch)
    planned(own_dirs)  # writes the series
    return made


def bisect(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, ("bisect", *words))
    return result.exit_code, result.output


def test_the_answer_is_shown_kept_and_written(lab: Series, own_dirs: Path) -> None:
    file = own_dirs / "answer.json"
    words = ("base", str(own_dirs / "series"), "--finding", TITLE, "-w", "memslot-churn", "-j", "2", "-q")
    status, said = bisect(*words, "--json", str(file))
    assert status == Exit.CLEAN
    assert said.startswith("6/10 06.patch\n")
    run = json.loads(file.read_text())["run"]
    kept = store.location(run)
    assert {"bisection.json", "report.html", "result.json", "run.json"} <= {path.name for path in kept.iterdir()}


def test_without_an_answer_the_status_says_so(lab: Series, own_dirs: Path) -> None:
    lab.shows = lambda _: False
    words = ("base", str(own_dirs / "series"), "--finding", TITLE, "-w", "memslot-churn", "-n", "1", "--confirm", "0")
    status, said = bisect(*words, "-q")
    assert status == Exit.UNDECIDED
    assert "undecided: 10/10 did not show it in 1 trial" in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("base", "patched"), "Missing option '--finding'"),
        (("base", "--finding", "x"), "base is no kept run, and BAD is missing"),
        (("base", "b01-does-not-compile", "--finding", "x", "--json", "/no/such/x"), "there is no directory /no/such"),
    ],
)
def test_bad_input_is_told_before_any_work(words: tuple[str, ...], said: str, own_dirs: Path) -> None:
    status, told = bisect(*words)
    assert status == Exit.USAGE
    assert said in told
    assert not list((own_dirs / "xdg_state_home").iterdir())


def kept(location: Path, *commits: str) -> str:
    source = Source(kind="git", location=str(location))
    sides = [values.kernel(name, commit=name, source=source) for name in commits]
    with store.draft() as draft:
        run = values.run(values.finding(TITLE, workload="vm-teardown"), id=draft.id, base=sides[0], patched=sides[1])
        draft.finish(run)
    return draft.id


def test_the_sides_of_a_run_are_where_to_look(own_dirs: Path) -> None:
    status, said = bisect(kept(own_dirs, "a" * 40, "b" * 40), "--finding", TITLE)
    assert status == Exit.USAGE
    assert f"no commit '{'a' * 40}' in {own_dirs}" in said.replace("\n", "")


def test_a_run_of_other_than_revisions_is_refused(own_dirs: Path) -> None:
    status, said = bisect(kept(own_dirs, "", "b" * 40), "--finding", TITLE)
    assert status == Exit.USAGE
    assert "are not two revisions of a git tree" in said
