import json
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.images.conftest import IMAGES


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """rig-run with a file for the kernel's log beside it."""
    directory = tmp_path_factory.mktemp("rig-run")
    source, kmsg = IMAGES / "rig-run" / "rig-run.c", directory / "kmsg"
    command = ("gcc", "-Wall", "-Wextra", "-Werror", f'-DKMSG="{kmsg}"', "-o", "rig-run", str(source))
    subprocess.run(command, cwd=directory, check=True)
    return directory / "rig-run"


@pytest.fixture
def kmsg(program: Path) -> Path:
    path = program.with_name("kmsg")
    path.write_text("")
    return path


def run(program: Path, *argv: str) -> subprocess.CompletedProcess[str]:
    command = (str(program), "name", "--", *argv)
    return subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)


def start(program: Path, script: str) -> subprocess.Popen[str]:
    """Start `script` under rig-run; it is to print a line when it is under way."""
    return subprocess.Popen((program, "name", "--", "sh", "-c", script), stdout=subprocess.PIPE, text=True)


def first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    return process.stdout.readline().strip()


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def eventually(true: Callable[[], bool]) -> bool:
    end = time.monotonic() + 20
    while not true() and time.monotonic() < end:
        time.sleep(0.01)
    return true()


def test_output_and_status_are_passed_on_between_two_marks(program: Path, kmsg: Path) -> None:
    done = run(program, "sh", "-c", "echo out; echo err >&2; exit 3")
    assert (done.returncode, done.stdout.splitlines()[0], done.stderr) == (3, "out", "err\n")
    assert kmsg.read_text() == "rig: begin name\nrig: end name status=3\n"


def test_a_signal_is_a_status_above_128(program: Path, kmsg: Path) -> None:
    assert run(program, "sh", "-c", "kill -SEGV $$").returncode == 128 + signal.SIGSEGV
    assert "status=139" in kmsg.read_text()


def test_detectors_are_asked_last(program: Path, kmsg: Path) -> None:
    mark, _, answer = run(program, "echo", "out").stdout.splitlines()[-1].partition(" ")
    assert mark == "@detectors"
    assert set(json.loads(answer)) <= {"debug_locks", "tainted"}


def test_detectors_have_a_line_of_their_own(program: Path, kmsg: Path) -> None:
    assert run(program, "printf", "cut off").stdout.splitlines()[-1].startswith("@detectors ")


def test_what_is_not_there_cannot_be_run(program: Path, kmsg: Path) -> None:
    done = run(program, "/no/such/program")
    assert done.returncode == 127
    assert "cannot run /no/such/program" in done.stderr
    assert "rig: end name status=127" in kmsg.read_text()


@pytest.mark.parametrize("argv", [(), ("name",), ("name", "--"), ("name", "echo", "out")])
def test_wrong_usage(program: Path, kmsg: Path, argv: tuple[str, ...]) -> None:
    done = subprocess.run((program, *argv), capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert kmsg.read_text() == ""


def test_children_left_behind_are_ended(program: Path, kmsg: Path) -> None:
    with start(program, "sleep 60 >/dev/null & echo $!") as process:
        left = int(first_line(process))
    assert gone(left)


def test_the_workload_dies_with_rig_run(program: Path, kmsg: Path) -> None:
    with start(program, "echo $$; exec sleep 60") as process:
        workload = int(first_line(process))
        process.kill()
    assert eventually(lambda: gone(workload))


def test_the_workload_ends_when_rig_run_is_told_to(program: Path, kmsg: Path) -> None:
    with start(program, "echo $$; sleep 60") as process:
        workload = int(first_line(process))
        process.terminate()
        assert process.wait(20) == 128 + signal.SIGKILL
    assert gone(workload)
    assert "rig: end name status=137" in kmsg.read_text()


def test_the_workload_ends_when_nobody_reads_any_more(program: Path, kmsg: Path) -> None:
    with start(program, "echo $$; exec sleep 60") as process:
        workload = int(first_line(process))
        assert process.stdout
        process.stdout.close()
        process.wait(20)
    assert gone(workload)
    assert "rig: end" in kmsg.read_text()
