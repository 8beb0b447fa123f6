import asyncio
import os
import signal
import sys
import time
from io import BytesIO
from pathlib import Path

import psutil
import pytest

from rig import proc
from rig.errors import HostError


async def test_output_and_status_come_back() -> None:
    done = await proc.run(("sh", "-c", "echo out; echo err >&2; exit 3"), check=False)
    assert (done.status, sorted(done.output.split())) == (3, ["err", "out"])


async def test_failure_carries_the_output() -> None:
    with pytest.raises(proc.ProcessError, match="exit status 1\nwhy"):
        await proc.run(("sh", "-c", "echo why; exit 1"))


async def test_a_missing_program_says_what_to_do() -> None:
    with pytest.raises(HostError, match="no-such-program is not installed") as caught:
        await proc.run(("no-such-program",))
    assert "make setup" in caught.value.hint


async def test_the_environment_is_clean(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAKEFLAGS", "-n")
    done = await proc.run(("env",), env={"EXTRA": "1"})
    assert "MAKEFLAGS" not in done.output
    assert "EXTRA=1" in done.output


async def test_past_its_limit_the_whole_group_is_gone() -> None:
    marker = f"rig-test-{os.getpid()}"
    with pytest.raises(proc.LimitError, match=r"still running after 0\.3 s"):
        await proc.run(("sh", "-c", f"sleep 60 & sleep 60; : {marker}"), limit=0.3)
    assert not [each for each in psutil.process_iter(["cmdline"]) if marker in " ".join(each.info["cmdline"] or ())]


async def test_lines_arrive_while_it_runs_even_endless_ones() -> None:
    seen: list[str] = []
    log = BytesIO()
    program = "import sys; sys.stdout.write('a\\n' + 'x' * 3_000_000 + '\\nend')"
    await proc.run((sys.executable, "-c", program), on_line=seen.append, log=log)
    assert (seen[0], seen[-1]) == ("a", "end")
    assert len(log.getvalue()) == 3_000_000 + len("a\n\nend")


async def test_cancelling_ends_the_process() -> None:
    task = asyncio.create_task(proc.run(("sleep", "61.5")))
    while not (mine := [each for each in psutil.Process().children() if "61.5" in each.cmdline()]):
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not mine[0].is_running()


def test_children_die_with_a_killed_rig(tmp_path: Path) -> None:
    program = (
        "import asyncio, sys; from rig import proc\n"
        "async def main():\n"
        f"    argv = 'sh', '-c', 'echo $$ > {tmp_path}/pid; exec sleep 62'\n"
        "    async with proc.spawn(argv) as child: await child.wait()\n"
        "asyncio.run(main())"
    )
    rig = psutil.Popen((sys.executable, "-c", program))
    pid = tmp_path / "pid"
    while not (pid.exists() and pid.read_text().strip()):
        time.sleep(0.01)
    child = psutil.Process(int(pid.read_text()))
    rig.send_signal(signal.SIGKILL)
    rig.wait()
    child.wait(timeout=10)
