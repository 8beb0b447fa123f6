"""A user's pytest tests about a guest whose commands are really run, on the host."""

import shlex
import textwrap
from pathlib import Path

import pytest

from rig import workloads
from rig.model import Case, Status, Workload
from rig.testing.guest import LEADER
from tests.guest import fake
from tests.guest.fake import Behaviour, Command
from tests.guest.test_trial import run


def planned(directory: Path, text: str, *args: str, limit: float = 60) -> Workload:
    """Return `text` as a file of tests that is a workload."""
    path = directory / "user" / "test_mine.py"
    path.parent.mkdir(exist_ok=True)
    path.write_text(textwrap.dedent(text))
    variables = tuple((f"RIG_{name.upper()}", str(number)) for number, name in enumerate(workloads.VALUES))
    return Workload(
        name=path.name,
        argv=(str(path), *args),
        seconds=1,
        limit=limit,
        program=path,
        tests=True,
        environment=variables,
    )


def gone(file: Path) -> bool:
    """Whether the process whose number is in `file` has ended, reaped or not."""
    try:
        return Path(f"/proc/{int(file.read_text())}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


GUEST = """
    import pytest
    from rig.testing import CommandError

    def test_commands(guest):
        assert guest.run("echo out; echo err >&2").output == "out\\nerr\\n"
        assert guest.run("exit 3", check=False).status == 3
        assert guest.run("kill -SEGV $$", check=False).status == 139
        with pytest.raises(CommandError, match="cat /nothing: exit status 1: .*No such file") as raised:
            guest.run("cat /nothing")
        assert raised.value.result.status == 1

    def test_limit(guest, guest_path):
        with pytest.raises(CommandError, match="did not end within 2 s"):
            guest.run(f"echo $$ > {guest_path}/pid; sleep 600 & sleep 600", limit=2)
        left = guest.run(f"ps -o stat= -g $(cat {guest_path}/pid)", check=False).output.split()
        assert set(left) <= {"Z", "Zs"}

    def test_files(guest, guest_path, tmp_path):
        content = bytes(range(256)) * 1000
        (tmp_path / "there").write_bytes(content)
        guest.put(tmp_path / "there", guest_path / "it")
        guest.get(guest_path / "it", tmp_path / "back")
        assert (tmp_path / "back").read_bytes() == content
        guest.write(guest_path / "script", "#!/bin/sh\\necho said\\n", executable=True)
        assert guest.run(str(guest_path / "script")).output == "said\\n"
        assert guest.read(guest_path / "script").startswith("#!")
        with pytest.raises(CommandError):
            guest.read("/nothing")
        assert guest.alive
        guest.left = guest_path

    def test_own_directory(guest):
        assert guest.run(f"test -e {guest.left}", check=False).status == 1

    def test_kernel_log(guest):
        guest.run("echo first > /dev/kmsg")
        assert guest.dmesg() == "first\\n"

    def test_kernel_log_since(guest): assert guest.dmesg() == ""

    def test_plan(guest):
        assert (guest.seconds, guest.vcpus, guest.threads, guest.seed) == (0, 1, 2, 3)
        assert guest.release == guest.run("uname -r").output.strip()

    @pytest.fixture(scope="module")
    def prepared(guest): return guest.run("echo once").output
    def test_fixtures_of_any_scope(prepared): assert prepared == "once\\n"

    def test_fails(guest): guest.run("false")

    def test_leaves_a_process(guest): guest.run("sleep 600 > /dev/null 2>&1 & echo $! > PID")

    def test_conftest(seven): assert seven == 7

    def test_left_out(): pass
"""


async def test_tests_talk_to_their_guest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake.install(tmp_path, monkeypatch, Behaviour(shell=True))
    here = tmp_path / "user"
    here.mkdir()
    (here / "pytest.ini").write_text("[pytest]\naddopts = --no-such-option\nfilterwarnings = error\n")
    (here / "conftest.py").write_text("import pytest\n@pytest.fixture\ndef seven(): return 7\n")
    left = tmp_path / "left"
    text = GUEST.replace("PID", str(left))
    done = await run(tmp_path, planned(tmp_path, text, "-k", "not left_out"))
    (found,) = done.outcomes
    log = (tmp_path / "test_mine.py-base-2.log").read_text()
    assert [case.name for case in found.cases if case.status is not Status.PASS] == ["test_fails"], log
    assert (found.status, found.reason) == (Status.FAIL, "1 of 11 tests failed: test_fails")
    assert found.cases[-3].reason == "CommandError: false: exit status 1: (test_mine.py:50)"
    assert gone(left)
    assert "rig: begin test_mine.py" in (tmp_path / done.console).read_text()
    assert sorted(path.name for path in here.iterdir()) == ["conftest.py", "pytest.ini", "test_mine.py"]


async def test_a_guest_that_dies_fails_its_test_and_the_others_are_not_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deadly = shlex.join(("setsid", "sh", "-c", LEADER, "die", "1"))
    fake.install(tmp_path, monkeypatch, Behaviour(shell=True, commands={deadly: Command(act="panic")}))
    text = "def test_one(guest): guest.run('die')\ndef test_two(guest): pass"
    done = await run(tmp_path, planned(tmp_path, text), planned(tmp_path, text))
    (found,) = done.outcomes
    assert (found.status, found.reason.split(":")[0]) == (Status.FAIL, "panicked")
    reason = "GuestLostError: die: the guest does not answer any more (test_mine.py:1)"
    assert [(case.name, case.reason) for case in found.cases] == [("test_one", reason)]


async def test_tests_that_do_not_end_are_ended_at_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake.install(tmp_path, monkeypatch, Behaviour(shell=True))
    pid = tmp_path / "pid"
    text = f"""
        import os, pathlib, time
        def test_one():
            pathlib.Path("{pid}").write_text(str(os.getpid()))
            time.sleep(600)
    """
    (found,) = (await run(tmp_path, planned(tmp_path, text, limit=6))).outcomes
    assert (found.status, found.reason) == (Status.FAIL, "hung: test_mine.py: not done after 6 s")
    assert found.cases == (Case(name="test_one", status=Status.FAIL, reason=found.reason),)
    assert gone(pid)
