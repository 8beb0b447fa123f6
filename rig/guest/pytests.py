"""A user's pytest tests, run on the host about a guest."""

import asyncio
import sys
from pathlib import Path

from rig import cache, proc
from rig.guest.lines import Lines
from rig.guest.shell import OnOutput, Ran, Shell
from rig.model import Workload

GATE = "/tmp/.rig-gate"  # in the guest
WAITING = b"@waiting"
# What rig-run runs meanwhile, so that marks and checks are those of any workload: it ends with the tests' status.
STAND_IN = (
    "/bin/sh",
    "-c",
    f"rm -f {GATE}; mkfifo {GATE} && echo {WAITING.decode()} && read s < {GATE}; exit ${{s:-3}}",
)
LAST_WORDS = 5.0  # seconds for the tests to say what the guest died of
ANSWER = 30.0  # seconds
PYTEST = (
    *("-P", "-m", "pytest"),  # -P: where the user stands are no modules of ours
    *("-p", "rig.testing.plugin"),
    *("-p", "no:cacheprovider"),
    *("-o", "addopts="),  # a project's options may be of plugins that are not here
    *("-o", "console_output_style=classic"),
    *("-W", 'ignore:The configuration option "asyncio:pytest.PytestDeprecationWarning'),  # pytest-asyncio, if here
    *("--quiet", "--tb=short", "--color=no"),
)


async def run(shell: Shell, workload: Workload, bracket: str, on_output: OnOutput, log: Path) -> Ran:
    """Run the tests of `workload` while `bracket`, a command with the STAND_IN at its heart, runs in the guest.

    Returns how that ended, with pytest's status. All that pytest says goes to `log` and `on_output`.
    """
    began = asyncio.Event()
    standing = asyncio.ensure_future(_stand_in(shell, bracket, began, on_output))
    testing = asyncio.ensure_future(_pytest(shell, workload, began, on_output, log))
    try:
        await asyncio.wait((standing, testing), return_when=asyncio.FIRST_COMPLETED)
        if standing.done():
            await asyncio.wait((testing,), timeout=LAST_WORDS if began.is_set() else 0)
        else:
            await shell.run(f"echo {testing.result()} > {GATE}", limit=ANSWER)
        return await standing
    finally:
        testing.cancel()
        standing.cancel()
        await asyncio.gather(testing, standing, return_exceptions=True)


async def _stand_in(shell: Shell, bracket: str, began: asyncio.Event, on_output: OnOutput) -> Ran:
    loop = asyncio.get_running_loop()

    def read(line: bytes) -> None:  # in the shell's thread
        if line == WAITING:
            loop.call_soon_threadsafe(began.set)
        else:
            on_output(line + b"\n")

    lines = Lines(read)
    return await shell.run(bracket, on_output=lines.feed)


async def _pytest(shell: Shell, workload: Workload, began: asyncio.Event, on_output: OnOutput, log: Path) -> int:
    """Return the exit status of pytest, as a shell has it."""
    await began.wait()
    with cache.scratch() as work, log.open("wb") as kept:
        address = work / "guest"
        address.touch(mode=0o600)
        address.write_text(shell.address)
        variables = {"PYTHONDONTWRITEBYTECODE": "1", "RIG_GUEST": str(address), **dict(workload.environment)}
        done = await proc.run(
            (sys.executable, *PYTEST, f"--basetemp={work / 'tmp'}", *workload.argv),
            env=variables,
            log=kept,
            on_line=lambda line: on_output(f"{line}\n".encode()) if line else None,
            check=False,
        )
    return done.status if done.status >= 0 else 128 - done.status
