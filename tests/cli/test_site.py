import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from click.testing import CliRunner

from rig.cli import main
from rig.memory.database import opened
from tests.filling import fill


@pytest.fixture(scope="module")
def memory(tmp_path_factory: pytest.TempPathFactory) -> str:
    file = str(tmp_path_factory.mktemp("memory") / "memory.sqlite")
    with opened(file) as made, made.session() as session:
        fill(session, 2, 12)
    return file


def test_it_says_where_the_pages_are_and_how_many_were_written(memory: str, tmp_path: Path) -> None:
    argv = ["site", str(tmp_path / "site"), "--database", memory]
    first, second = (CliRunner().invoke(main, argv).output for _ in range(2))
    assert re.fullmatch(r"(\d+) pages written, 0 unchanged, 0 removed\nfile://.*/site/index.html\n", first)
    assert second.startswith("0 pages written")


def test_json_has_the_same(memory: str, tmp_path: Path) -> None:
    output = CliRunner().invoke(main, ["site", str(tmp_path / "site"), "--database", memory, "--json"]).output
    said = json.loads(output)
    assert said["directory"] == str(tmp_path / "site")
    assert "index.html" in said["written"]
    assert (said["unchanged"], said["removed"], said["reports"]) == (0, [], 0)


def test_without_a_directory_it_is_the_states(memory: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert CliRunner().invoke(main, ["site", "--database", memory]).exit_code == 0
    assert (tmp_path / "rig/site/index.html").exists()


def test_a_file_of_known_issues_that_is_wrong_is_named(memory: str, tmp_path: Path) -> None:
    (tmp_path / "known.yaml").write_text("issues: [{title: x}]")
    argv = ["site", str(tmp_path / "site"), "--database", memory, "--known-issues", str(tmp_path / "known.yaml")]
    result = CliRunner().invoke(main, argv)
    assert result.exit_code == 2
    assert "known.yaml" in result.output


def test_serve_prints_its_url_serves_and_ends_well_on_ctrl_c(memory: str, tmp_path: Path) -> None:
    argv = (sys.executable, "-m", "rig", "serve", str(tmp_path / "site"), "--database", memory, "--port", "0")
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment) as process:
        try:
            assert process.stdout
            url = process.stdout.readline().strip()
            with urllib.request.urlopen(url, timeout=20) as answer:
                assert "rig nightly" in answer.read().decode()
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=20)
        finally:
            process.kill()
    assert process.returncode == 0
    assert "Traceback" not in errors
