"""The runner of selftests, with scripts for tests."""

import subprocess
from pathlib import Path

import pytest

from rig import workloads
from rig.model import Case, Status, Workload
from tests.images.conftest import IMAGES
from tests.images.test_rig_run import eventually, gone


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """ktap-run with a file for the kernel's log beside it."""
    directory = tmp_path_factory.mktemp("ktap-run")
    source, kmsg = IMAGES / "ktap-run" / "ktap-run.c", directory / "kmsg"
    kmsg.touch()
    command = ("gcc", "-Wall", "-Wextra", "-Werror", f'-DKMSG="{kmsg}"', "-o", "ktap-run", str(source))
    subprocess.run(command, cwd=directory, check=True)
    return directory / "ktap-run"


class Bench:
    """Tests made of scripts, and what ktap-run says about them."""

    def __init__(self, program: Path, directory: Path) -> None:
        self._program, self.directory = program, directory

    def script(self, name: str, text: str) -> None:
        path = self.directory / name
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)

    def run(self, *tests: str, seconds: str = "100") -> subprocess.CompletedProcess[str]:
        argv = (str(self._program), seconds, str(self.directory), *tests)
        return subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)

    def cases(self, *tests: str, seconds: str = "100") -> dict[str, Case]:
        reader = workloads.Reader(Workload(name="w", argv=(), seconds=1, limit=1))
        for line in self.run(*tests, seconds=seconds).stdout.splitlines():
            reader.feed(line)
        return {case.name: case for case in reader.outcome(0, 1.0).cases}


@pytest.fixture
def bench(program: Path, tmp_path: Path) -> Bench:
    return Bench(program, tmp_path)


def test_each_test_has_its_result_and_its_words(bench: Bench) -> None:
    bench.script("says", 'echo "got $*"; echo err >&2; printf cut; exit $1')
    bench.script("skips", 'echo "1..0 # SKIP - no VMX"; exit 4')
    bench.script("dies", "kill -SEGV $$")
    cases = bench.cases("9 guest good says 0 x", "9 guest bad says 254 y", "9 guest skips skips", "9 guest dies dies")
    assert cases["good"].status is Status.PASS
    assert (cases["bad"].status, cases["bad"].reason) == (Status.FAIL, "got 254 y\nerr\ncut\nexit status 254")
    assert (cases["skips"].status, cases["skips"].reason) == (Status.SKIP, "no VMX")
    assert (cases["dies"].status, cases["dies"].reason) == (Status.FAIL, "killed by signal 11 (Segmentation fault)")


def test_a_test_finds_its_own_file_by_its_name(bench: Bench) -> None:
    (bench.directory / "shown").symlink_to("/bin/cat")
    said = bench.run("9 guest shown shown /proc/self/cmdline").stdout
    assert f"# {bench.directory}/shown\n" in said.replace("\0", "\n")


def test_one_that_does_not_end_is_killed_with_all_it_started(bench: Bench) -> None:
    bench.script("hangs", f"sleep 60 & echo $! > {bench.directory}/pid; echo waiting; wait")
    cases = bench.cases("0.5 guest hangs hangs")
    assert (cases["hangs"].status, cases["hangs"].reason) == (Status.FAIL, "no end after 0.5 s\nwaiting")
    assert cases["hangs"].seconds >= 0.5
    pid = int((bench.directory / "pid").read_text())
    assert eventually(lambda: gone(pid))


def test_what_a_test_leaves_behind_is_ended(bench: Bench) -> None:
    bench.script("leaves", f"sleep 60 & echo $! > {bench.directory}/pid")
    assert bench.cases("9 guest leaves leaves")["leaves"].status is Status.PASS
    pid = int((bench.directory / "pid").read_text())
    assert eventually(lambda: gone(pid))


def test_what_is_not_there_fails(bench: Bench) -> None:
    case = bench.cases("9 guest none none")["none"]
    assert case.status is Status.FAIL
    assert "No such file or directory" in case.reason


def test_no_test_starts_when_time_is_up(bench: Bench) -> None:
    bench.script("slow", "sleep 0.3")
    cases = bench.cases("9 guest a slow", "9 guest b slow", "9 guest c slow", seconds="0.1")
    assert [case.status for case in cases.values()] == [Status.PASS, Status.SKIP, Status.SKIP]
    assert cases["c"].reason == "no time left"


@pytest.mark.parametrize(("exits", "status"), [("0 4", 0), ("0 1", 1), ("4 4", 4), ("4 1", 1)])
def test_the_status_is_that_of_all_tests(bench: Bench, exits: str, status: int) -> None:
    bench.script("exits", "exit $1")
    done = bench.run(*(f"9 guest n{number} exits {code}" for number, code in enumerate(exits.split())))
    assert done.returncode == status
    assert ("@skip all 2 tests were skipped" in done.stdout) == (status == 4)
    assert ("1 of 2 tests failed" in done.stderr) == (status == 1)


def test_only_a_guest_that_passed_counts_as_one(bench: Bench) -> None:
    bench.script("exits", "exit $1")
    calls = ("9 guest a exits 0", "9 host b exits 0", "9 guest c exits 4", "9 guest d exits 1")
    last = [line for line in bench.run(*calls).stdout.splitlines() if line.startswith("@progress ")][-1]
    assert last == '@progress {"iterations":4,"l2_entries":1}'


def test_the_kernels_log_says_which_test_runs(bench: Bench, program: Path) -> None:
    bench.script("true", "")
    bench.run("9 host x true")
    assert "rig: test x\n" in program.with_name("kmsg").read_text()


def test_no_test_s_words_are_taken_for_a_result(bench: Bench) -> None:
    bench.script("liar", 'echo "not ok 7 other"; echo "@progress {}"')
    assert set(bench.cases("9 host liar liar")) == {"liar"}
    assert "# @progress {}" in bench.run("9 host liar liar").stdout


@pytest.mark.parametrize("argv", [(), ("1",), ("1", "/x")])
def test_wrong_usage(program: Path, argv: tuple[str, ...]) -> None:
    assert subprocess.run((program, *argv), capture_output=True, check=False).returncode == 2


@pytest.mark.parametrize("wrong", ["", "9", "9 guest", "9 guest name", "0 guest name prog", "x guest name prog"])
def test_what_is_no_test_is_wrong_usage(bench: Bench, wrong: str) -> None:
    assert bench.run(wrong).returncode == 2
