import json
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.images.conftest import IMAGES

HASTE = ("-DOLD_ENOUGH=0", "-DSETTLE_MS=1000")


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """rig-run with a file tree of its own beside it, where the kernel's would be."""
    directory = tmp_path_factory.mktemp("rig-run")
    sources = [str(path) for path in (IMAGES / "rig-run").glob("*.c")]
    command = ("gcc", "-Wall", "-Wextra", "-Werror", f'-DAT="{directory}/guest"', *HASTE, "-o", "rig-run", *sources)
    subprocess.run(command, cwd=directory, check=True)
    return directory / "rig-run"


@pytest.fixture
def guest(program: Path) -> Path:
    """The guest's files as rig-run sees them, made anew for each test."""
    guest = program.with_name("guest")
    shutil.rmtree(guest, ignore_errors=True)
    put(guest / "dev/kmsg", "")
    return guest


@pytest.fixture
def kmsg(guest: Path) -> Path:
    return guest / "dev/kmsg"


def put(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def run(program: Path, *argv: str) -> subprocess.CompletedProcess[str]:
    options = [word for word in argv if word.startswith("--scan")]
    command = (str(program), *options, "name", "--", *argv[len(options) :])
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


def detectors(done: subprocess.CompletedProcess[str]) -> dict[str, int]:
    mark, _, answer = done.stdout.splitlines()[-1].partition(" ")
    assert mark == "@detectors"
    answers: dict[str, int] = json.loads(answer)
    return answers


def left(done: subprocess.CompletedProcess[str]) -> list[dict[str, object]]:
    lines = (line.removeprefix("@left ") for line in done.stdout.splitlines() if line.startswith("@left "))
    return [json.loads(line) for line in lines]


def test_detectors_are_asked_last(program: Path, guest: Path) -> None:
    put(guest / "proc/lockdep_stats", " lock-classes: 12\n debug_locks:       1\n")
    put(guest / "proc/cmdline", "quiet kasan_multi_shot\n")
    kmemleak = put(guest / "sys/kernel/debug/kmemleak", "")
    assert detectors(run(program, "echo", "out")) == {"debug_locks": 1, "kasan": 1, "kmemleak": 1}
    assert kmemleak.read_text() == "scan=off"  # asked, and not made to search


def test_detectors_that_are_not_there_are_not_spoken_of(program: Path, guest: Path) -> None:
    assert detectors(run(program, "printf", "cut off")) == {}


def test_what_taints_the_kernel_is_told_by_its_bits(program: Path, guest: Path) -> None:
    tainted = put(guest / "proc/sys/kernel/tainted", "512")
    done = run(program, "sh", "-c", f"echo 544 > {tainted}")
    assert detectors(done) == {"kasan": 0, "tainted": 32}  # without kasan_multi_shot, bit 5 is the end of KASAN


def test_what_is_still_held_is_told(program: Path, guest: Path) -> None:
    objects = put(guest / "sys/kernel/slab/kvm_vcpu/objects", "1 N0=1")
    put(guest / "sys/kernel/slab/pte_list_desc/objects", "7")
    done = run(program, "--scan=never", "sh", "-c", f"echo 3 > {objects}")
    assert left(done) == [{"what": "kvm_vcpu", "before": 1, "after": 3}]


def test_what_comes_back_in_time_is_not_held(program: Path, guest: Path) -> None:
    vms = guest / "sys/kernel/debug/kvm"
    vms.mkdir(parents=True)
    soon = threading.Timer(0.5, (vms / "12-3").rmdir)
    soon.start()
    assert left(run(program, "mkdir", f"{vms}/12-3")) == []
    soon.join()


def test_a_cache_that_others_share_says_nothing(program: Path, guest: Path) -> None:
    shared = put(guest / "sys/kernel/slab/:0000192/objects", "5")
    (guest / "sys/kernel/slab/pte_list_desc").symlink_to(":0000192")
    assert left(run(program, "sh", "-c", f"echo 50 > {shared}")) == []


@pytest.mark.parametrize(
    ("scan", "objects", "searched"),
    [("suspected", 10, False), ("suspected", 500, True), ("never", 500, False), ("always", 10, True)],
)
def test_leaks_are_searched_for_when_that_is_worth_it(
    program: Path, guest: Path, scan: str, objects: int, searched: bool
) -> None:
    slab = put(guest / "sys/kernel/slab/kmalloc-64/objects", "10")
    kmemleak = put(guest / "sys/kernel/debug/kmemleak", "")
    run(program, f"--scan={scan}", "sh", "-c", f"echo {objects} > {slab}")
    assert kmemleak.read_text().startswith("scanscan") == searched


def test_what_is_not_there_cannot_be_run(program: Path, kmsg: Path) -> None:
    done = run(program, "/no/such/program")
    assert done.returncode == 127
    assert "cannot run /no/such/program" in done.stderr
    assert "rig: end name status=127" in kmsg.read_text()


@pytest.mark.parametrize(
    "argv", [(), ("name",), ("name", "--"), ("name", "echo", "out"), ("--scan=often", "name", "--", "echo")]
)
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
