import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from rig import store
from rig.cli import main
from rig.errors import Exit
from rig.memory import database, metrics, nights, regressions, runs
from rig.memory.values import ChangePoint
from tests import values
from tests.filling import BUG, fill
from tests.memory.made import FIRST, night, regression, tip


def rig(*words: str | Path, given: str | None = None) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words], input=given)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A memory of eight nights."""
    file = tmp_path_factory.mktemp("memory") / "memory.sqlite"
    with database.opened(str(file)) as memory, memory.session() as session:
        fill(session, nights=8, trials_per_night=48)
    return file


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where a memory can be made."""
    return tmp_path / "memory.sqlite"


# ---- history


def test_a_finding_has_its_nights_range_and_culprit(filled: Path) -> None:
    said = rig("history", BUG, "--kernel", "mainline", "--database", filled).output
    with database.opened(str(filled)) as memory, memory.reading() as session:
        (kept,) = (each for each in regressions.regressions(session, "mainline") if each.title == BUG)
    seen = kept.observations[0]
    assert said.startswith(f"#{kept.number} {BUG} in mainline\n")
    assert f"{seen.night}  {seen.commit[:12]}  {seen.hits}/{seen.trials}" in said
    assert f"range {kept.good[:12]}..{kept.bad[:12]}" in said
    assert f"brought in by {kept.culprit} (97% sure)" in said


def test_a_metric_has_its_values_by_night_and_where_they_stepped(filled: Path) -> None:
    words = ("memslot-churn/metric_00", "--kernel", "mainline", "--profile", "perf")
    said = rig("history", *words, "--database", filled).output
    assert said.startswith("memslot-churn/metric_00 of mainline, perf, default\n")
    marked = [line for line in said.splitlines() if "100 to 130 (+30.0%)" in line]
    assert [line[:10] for line in marked] == ["2026-01-05"]


def test_of_many_metrics_there_is_a_line_each(filled: Path) -> None:
    said = rig("history", "metric_00", "--kernel", "mainline", "--profile", "perf", "--database", filled).output
    lines = [line for line in said.splitlines() if "metric_00 of mainline" in line]
    assert len(lines) == 5
    assert "100    130" in lines[0]


def test_a_kernel_has_its_tips_and_what_was_seen_of_them(filled: Path) -> None:
    said = rig("history", "mainline", "--nights", "7", "--database", filled).output
    assert said.startswith("mainline\n")
    assert "2026-01-08" in said
    assert "2026-01-01" not in said
    assert f"new: {BUG}" in " ".join(said.split())


def test_patterns_fit_as_file_names_do(filled: Path) -> None:
    words = ("--kernel", "mainline", "--database", filled)
    found = json.loads(rig("history", "KASAN: * in *root", *words, "--json").output)
    assert [each["title"] for each in found["regressions"]] == [BUG]
    assert rig("history", "KASAN", *words).exit_code == Exit.USAGE


def test_a_title_with_brackets_fits_itself(file: Path) -> None:
    with database.opened(str(file)) as memory, memory.session() as session:
        regressions.save(session, regression("WARNING in a[0]"))
    assert "#1 WARNING in a[0]" in rig("history", "WARNING in a[0]", "--database", file).output


def test_json_has_all_there_is(filled: Path) -> None:
    found = json.loads(rig("history", "*", "--database", filled, "--json").output)
    assert {name: bool(each) for name, each in found.items()} == {
        "regressions": True,
        "metrics": True,
        "kernels": True,
        "others": False,
    }


def test_what_does_not_fit_is_told_what_is_near(filled: Path) -> None:
    near = rig("history", BUG[:-3], "--database", filled)
    assert near.exit_code == Exit.USAGE
    assert f"did you mean {BUG!r}?" in near.output
    far = rig("history", "zzz", "--database", filled)
    assert "kernels mainline, next, stable" in far.output
    assert "`rig history '*'` shows all" in far.output


def test_an_empty_memory_says_how_it_is_filled(file: Path) -> None:
    assert "`rig nightly` runs a night" in rig("history", "x", "--database", file).output


def test_the_database_can_be_named_in_the_environment(filled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RIG_DATABASE", str(filled))
    assert rig("history", "mainline").exit_code == Exit.CLEAN


def test_what_consoles_and_commits_say_cannot_steer_the_terminal(file: Path) -> None:
    bad = regression(values.HOSTILE, alt_titles=(values.HOSTILE,), culprit=values.HOSTILE, console=values.HOSTILE)
    with database.opened(str(file)) as memory, memory.session() as session:
        nights.save_night(session, night())
        nights.save_tip(session, tip(subject=values.HOSTILE, base=values.HOSTILE, kernel="[bold]k[/bold]"))
        regressions.save(session, replace(bad, kernel="[bold]k[/bold]"))
        runs.take(session, values.hostile(), "/r")
    said = rig("history", "*", "--database", file).output
    assert "\x1b" not in said
    assert "\x00" not in said
    assert "[bold]k[/bold]" in said


def test_a_finding_of_a_run_of_no_night_is_told_with_its_run(file: Path) -> None:
    with database.opened(str(file)) as memory, memory.session() as session:
        runs.take(session, values.run(values.finding("WARNING in foo"), id="r1"), "/r")
    said = rig("history", "WARNING*", "--database", file).output
    assert "in runs of no night" in said
    assert "r1" in said


def test_a_metric_with_no_unit_and_a_step_from_nothing_is_told(file: Path) -> None:
    with database.opened(str(file)) as memory, memory.session() as session:
        fill(session, nights=1, trials_per_night=12)
        (found, *_) = metrics.trends(session, "mainline", "perf")
        step = ChangePoint(night=FIRST, before=0.0, after=5.0, p_value=0.004)
        metrics.save_changes(session, replace(found, changes=(step,)))
        name = f"{found.measure.workload}/{found.measure.name}"
    said = rig("history", name, "--kernel", "mainline", "--profile", "perf", "--database", file).output
    assert "0 to 5, p = 0.004" in said


# ---- import and export


@pytest.fixture
def kept(own_dirs: Path) -> str:
    """The ID of a run that is kept."""
    with store.draft() as draft:
        draft.finish(values.run(values.finding("WARNING in foo"), id=draft.id))
    return draft.id


def test_a_kept_run_is_imported_once(kept: str, file: Path) -> None:
    assert rig("import", "latest", "--database", file).output == "latest: 1 run\n"
    assert rig("import", kept, "--database", file).output == f"{kept}: nothing new\n"
    assert "WARNING in foo" in rig("history", "WARNING*", "--database", file).output


def test_what_is_no_run_is_bad_input(own_dirs: Path, file: Path) -> None:
    result = rig("import", "nonsense", "--database", file)
    assert result.exit_code == Exit.USAGE
    assert "rig ls" in result.output


def test_an_export_is_imported_elsewhere(filled: Path, file: Path, tmp_path: Path) -> None:
    out = tmp_path / "memory.jsonl"
    assert rig("export", "--output", out, "--database", filled).exit_code == Exit.CLEAN
    said = rig("import", out, "--database", file, "--json").output
    assert json.loads(said)["imported"]["night"] == 8
    assert rig("export", "--database", file).output == out.read_text()
    assert [path.name for path in tmp_path.iterdir() if "partial" in path.name] == []


def test_an_export_is_read_from_stdin(file: Path) -> None:
    said = rig("import", "-", "--database", file, given='{"memory": {"format": 1}}\n')
    assert (said.exit_code, said.output) == (Exit.CLEAN, "-: nothing new\n")


def test_half_an_export_leaves_nothing(file: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.jsonl"
    line = json.dumps({"night": {"id": FIRST, "began": "x", "deadline": "x", "host": "h"}})
    cut.write_text(f'{{"memory": {{"format": 1}}}}\n{line}\n{line[:20]}')
    result = rig("import", cut, "--database", file)
    assert result.exit_code == Exit.USAGE
    assert "cut.jsonl:3" in result.output
    with database.opened(str(file)) as memory, memory.reading() as session:
        assert nights.nights(session) == ()


def test_a_file_that_is_not_text_is_bad_input(file: Path, tmp_path: Path) -> None:
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\xfe\x00")
    assert rig("import", binary, "--database", file).exit_code == Exit.USAGE


def test_who_stops_reading_an_export_gets_no_traceback(filled: Path) -> None:
    argv = (sys.executable, "-m", "rig", "export", "--database", str(filled))
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent.parent)}
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment) as export:
        assert export.stdout
        assert export.stderr
        export.stdout.readline()
        export.stdout.close()
        assert b"Traceback" not in export.stderr.read()
