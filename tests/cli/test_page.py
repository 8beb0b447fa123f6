"""The report page by way of the command line."""

from dataclasses import replace
from pathlib import Path

from click.testing import CliRunner

from rig import paths, store
from rig.cli import main
from rig.errors import Exit
from tests.test_store import a_run


def keep(side: str) -> str:
    """Keep a run of one kernel, with its console, and return its id."""
    with store.draft() as draft:
        run = replace(a_run(draft), patched=None)
        trials = tuple(trial for trial in run.trials if trial.side == "base")
        draft.add(trials[0].console, f"[ 1.0] rig: begin churn\nwhat {side} said\n")
        draft.finish(replace(run, trials=trials))
    return draft.id


def test_a_kept_run_can_be_shown_as_a_page(own_dirs: Path) -> None:
    result = CliRunner().invoke(main, ("show", keep("base"), "--format", "html"))
    assert result.exit_code == 0
    assert result.output.startswith("<!DOCTYPE html>")
    assert 'href="#t1:1"' in result.output


def test_a_comparison_leaves_a_page_in_its_directory_and_where_it_is_wanted(own_dirs: Path) -> None:
    wanted = own_dirs / "wanted.html"
    words = ("compare", keep("base"), keep("patched"), "--anyway", "--html", str(wanted))
    result = CliRunner().invoke(main, words)
    assert result.exit_code != Exit.USAGE, result.output
    assert "console-patched-1.log" in wanted.read_text()
    (kept,) = paths.runs().glob("*/report.html")
    assert kept.read_text() == wanted.read_text()


def test_a_directory_that_is_not_there_is_told_before_any_work(own_dirs: Path) -> None:
    result = CliRunner().invoke(main, ("compare", "base", "patched", "--html", "/no/such/dir/out.html"))
    assert result.exit_code == Exit.USAGE
    assert "--html /no/such/dir/out.html: there is no directory /no/such/dir" in result.output
    assert not list((own_dirs / "xdg_state_home").iterdir())
