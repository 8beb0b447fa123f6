import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from rig.cli import main
from tests.reports.logs import KASAN, QUIET, WARNING, console


def rig_parse(*arguments: str | Path, stdin: bytes = b"") -> Result:
    return CliRunner().invoke(main, ["parse", *map(str, arguments)], input=stdin)


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    path = tmp_path / "bad.log"
    path.write_bytes(QUIET + console(KASAN))
    return path


@pytest.fixture
def clean(tmp_path: Path) -> Path:
    path = tmp_path / "clean.log"
    path.write_bytes(QUIET)
    return path


def test_a_report_is_shown_and_makes_it_exit_with_1(bad: Path) -> None:
    result = rig_parse(bad)
    assert result.exit_code == 1
    assert "\nKASAN: use-after-free Read in kvm_page_put\n" in result.stdout


def test_a_clean_log_exits_with_0(clean: Path) -> None:
    result = rig_parse(clean)
    assert (result.exit_code, result.stdout) == (0, f"{clean}: no reports\n")


def test_standard_input() -> None:
    result = rig_parse("-", "--format", "json", stdin=console(WARNING))
    assert [report["title"] for report in json.loads(result.stdout)["reports"]] == ["WARNING in kvm_mmu_sweep"]
    assert result.exit_code == 1


def test_several_logs_as_json(bad: Path, clean: Path) -> None:
    result = rig_parse(bad, clean, "--format", "json")
    assert [(log["file"], len(log["reports"])) for log in json.loads(result.stdout)["files"]] == [
        (str(bad), 1),
        (str(clean), 0),
    ]


def test_an_unreadable_log_exits_with_2_and_does_not_hide_the_others(bad: Path, tmp_path: Path) -> None:
    result = rig_parse(tmp_path / "none.log", tmp_path, bad, "--format", "jsonl")
    assert result.exit_code == 2
    assert json.loads(result.stdout)["file"] == str(bad)
    assert f"can't read {tmp_path / 'none.log'}: No such file" in result.stderr
    assert "Is a directory" in result.stderr


def test_no_log_at_all_is_a_mistake() -> None:
    assert rig_parse().exit_code == 2
