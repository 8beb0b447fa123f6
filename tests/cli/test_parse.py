import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import pytest
from click.testing import CliRunner, Result

from rig.cli import logs, main
from tests.reports.logs import KASAN, QUIET, WARNING, console

Got = TypeVar("Got")


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


def test_many_logs_at_once_keep_their_order(bad: Path, clean: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rig.cli.logs.WORTH_A_PROCESS", 0)
    names = [bad, clean] * 20
    result = rig_parse(*names, "--format", "jsonl")
    assert [json.loads(line)["file"] for line in result.stdout.splitlines()] == list(map(str, names))


def test_standard_input_twice_is_a_mistake() -> None:
    assert rig_parse("-", "-").exit_code == 2


@pytest.fixture
def many(bad: Path, tmp_path: Path) -> list[str]:
    """Logs that keep several processes busy for a while."""
    (tmp_path / "some.log").write_bytes(bad.read_bytes() * (logs.WORTH_A_PROCESS // 50 // bad.stat().st_size))
    return [str(tmp_path / "some.log")] * 100


def started(*arguments: str) -> subprocess.Popen[bytes]:
    argv = [sys.executable, "-m", "rig", "parse", *arguments]
    return subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def workers_of(process: subprocess.Popen[bytes]) -> list[int]:
    """Wait for the processes that read for it."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    return until(lambda: [int(pid) for pid in children.read_text().split()])


def until(get: Callable[[], Got]) -> Got:
    """Wait until it gives something."""
    for _ in range(600):
        if got := get():
            return got
        time.sleep(0.05)
    raise AssertionError("waited in vain")


def gone(pids: list[int]) -> bool:
    return not any(Path(f"/proc/{pid}").exists() and _state(pid) != "Z" for pid in pids)


def _state(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0]
    return "Z"


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, -signal.SIGTERM), (signal.SIGKILL, -signal.SIGKILL)]
)
def test_nobody_goes_on_reading_when_it_is_stopped(many: list[str], number: int, status: int) -> None:
    with started(*many) as process:
        workers = workers_of(process)
        process.send_signal(number)
        _, complaints = process.communicate()
    assert process.returncode == status
    assert b"Traceback" not in complaints
    assert until(lambda: gone(workers))


def test_a_killed_reader_is_noticed(many: list[str]) -> None:
    with started(*many) as process:
        os.kill(workers_of(process)[0], signal.SIGKILL)
        _, complaints = process.communicate()
    assert process.returncode == 4
    assert b"was killed" in complaints
    assert b"Traceback" not in complaints


def test_a_reader_of_its_output_may_leave(many: list[str]) -> None:
    with started(*many) as process:
        assert process.stdout
        process.stdout.read(1)
        process.stdout.close()
        process.wait()
        assert process.stderr
        assert b"Traceback" not in process.stderr.read()


def test_closed_standard_streams_are_survived(bad: Path) -> None:
    script = f"{sys.executable} -m rig parse - <&-; echo $?; {sys.executable} -m rig parse {bad} >&-; echo $? >&2"
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=False)
    assert done.stdout == "2\n"
    assert done.stderr == "rig: can't read -: Bad file descriptor\n1\n"


def test_no_color_if_asked(tmp_path: Path) -> None:
    """On a terminal, which `script` makes."""
    script = f"{sys.executable} -m rig parse {tmp_path / 'none.log'}"
    argv = ["script", "--quiet", "--command", script, "/dev/null"]
    plain = subprocess.run(argv, env={**os.environ, "NO_COLOR": "1"}, stdout=subprocess.PIPE, check=False).stdout
    assert plain.startswith(b"rig: can't read")


def test_following_a_pipe_tells_each_report_and_ends_with_it() -> None:
    argv = [sys.executable, "-m", "rig", "parse", "--follow", "-"]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin
        assert process.stdout
        process.stdin.write(console(KASAN).decode())
        process.stdin.flush()
        told = [process.stdout.readline() for _ in range(2)]  # while it is still being written
        process.stdin.write(console(WARNING).decode())
        rest, _ = process.communicate()
    assert told[1] == "KASAN: use-after-free Read in kvm_page_put\n"
    assert "WARNING in kvm_mmu_sweep" in rest
    assert process.returncode == 1


def test_following_a_file_until_it_is_interrupted(tmp_path: Path) -> None:
    log = tmp_path / "console"
    log.write_bytes(QUIET)
    argv = [sys.executable, "-m", "rig", "parse", "--follow", str(log), "--format", "jsonl"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        with log.open("ab") as file:
            file.write(console(WARNING))
        first = json.loads(process.stdout.readline())
        log.write_bytes(console(KASAN))  # written anew, and shorter
        second = json.loads(process.stdout.readline())
        process.send_signal(signal.SIGINT)
        process.communicate()
    assert [first["reports"][0]["title"], second["reports"][0]["title"]] == [
        "WARNING in kvm_mmu_sweep",
        "KASAN: use-after-free Read in kvm_page_put",
    ]
    assert process.returncode == 1


def test_following_writes_no_document_and_reads_no_second_log(bad: Path) -> None:
    assert rig_parse("--follow", bad, "--format", "json").exit_code == 2
    assert rig_parse("--follow", bad, bad).exit_code == 2
    assert "can't read" in rig_parse("--follow", "no-such.log").stderr
