"""The one place that starts a process: argv tuple, clean environment, limit, killed as a group with its parent."""

import asyncio
import contextlib
import os
import shutil
import signal
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from rig.errors import HostError, RigError

Argv = Sequence[str | Path]
KEPT = (
    "HOME",
    "PATH",
    "LOGNAME",
    "USER",
    "TMPDIR",
    "XDG_CACHE_HOME",
    "XDG_STATE_HOME",
    "SSL_CERT_FILE",
    "TERM",
)
LONGEST_LINE = 1 << 20  # bytes; a line beyond that is cut
GRACE = 5.0  # seconds between SIGTERM and SIGKILL


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """A process that has ended. `output` is stdout and stderr, as they came, unless they went to a file."""

    argv: tuple[str, ...]
    status: int  # negative: the signal that ended it
    output: str
    seconds: float


class ProcessError(RigError):
    """A process the rig depends on failed; `done` has its output."""

    def __init__(self, done: Done) -> None:
        tail = "\n".join(done.output.splitlines()[-15:])
        super().__init__(f"{' '.join(done.argv)}: exit status {done.status}\n{tail}".rstrip())
        self.done = done


class LimitError(RigError):
    """A process did not end within its limit and was killed."""


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment processes get: a few variables of ours, the C locale, and `extra`."""
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    return {**kept, "LC_ALL": "C.UTF-8", "LANG": "C.UTF-8", **(extra or {})}


def require(program: str) -> str:
    """Return the path of `program`, or raise HostError with the way to get it."""
    found = shutil.which(program) or shutil.which(program, path="/usr/sbin:/sbin")
    if not found:
        raise HostError(f"{program} is not installed", hint="run `make setup`, or `rig doctor` for what is missing")
    return found


def _tied(argv: Argv, death: signal.Signals) -> tuple[str, ...]:
    """Have the kernel send `death` to the process when the rig dies, however it dies.

    A compiler run gets SIGTERM, which make hands on to its jobs; SIGKILL would leave them running.
    """
    words = tuple(str(word) for word in argv)
    return (
        require("setpriv"),
        f"--pdeathsig={death.name.removeprefix('SIG')}",
        "--",
        require(words[0]),
        *words[1:],
    )


def _signal_group(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)


async def _end(process: asyncio.subprocess.Process) -> None:
    """End the whole process group, politely first; what outlives its leader is killed too."""
    if process.returncode is None:
        _signal_group(process, signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), GRACE)
    _signal_group(process, signal.SIGKILL)
    await process.wait()


@asynccontextmanager
async def spawn(
    argv: Argv,
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    stdin: int | IO[bytes] = asyncio.subprocess.DEVNULL,
    stdout: int | IO[bytes] = asyncio.subprocess.DEVNULL,
    stderr: int | IO[bytes] = asyncio.subprocess.STDOUT,
    death: signal.Signals = signal.SIGTERM,
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run `argv` for as long as the context lasts; its process group is gone afterwards.

    Call it from the main thread only: the kernel ties a child to the thread that made it.
    """
    process = await asyncio.create_subprocess_exec(
        *_tied(argv, death),
        cwd=cwd,
        env=environment(env),
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        start_new_session=True,
        limit=LONGEST_LINE,
    )
    try:
        yield process
    finally:
        await asyncio.shield(_end(process))


async def _lines(stream: asyncio.StreamReader) -> AsyncIterator[bytes]:
    """Yield lines with their ends; one longer than LONGEST_LINE comes in pieces."""
    while True:
        try:
            line = await stream.readuntil(b"\n")
        except asyncio.IncompleteReadError as end:
            if end.partial:
                yield end.partial
            return
        except asyncio.LimitOverrunError as overrun:
            line = await stream.readexactly(overrun.consumed)
        yield line


async def _collect(stream: asyncio.StreamReader, on_line: Callable[[str], None] | None, log: IO[bytes] | None) -> str:
    kept: list[bytes] = []
    async for line in _lines(stream):
        if log:
            log.write(line)
        else:
            kept.append(line)
        if on_line:
            on_line(line.decode(errors="replace").rstrip("\n"))
    return b"".join(kept).decode(errors="replace")


async def run(
    argv: Argv,
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    stdin: IO[bytes] | None = None,
    limit: float | None = None,
    log: IO[bytes] | None = None,
    on_line: Callable[[str], None] | None = None,
    check: bool = True,
) -> Done:
    """Run `argv` to its end and return it.

    `limit` is in seconds. Output goes to `log` instead of the result if given, and line by line to `on_line`.
    Raises ProcessError on a status other than 0 (unless `check` is off) and LimitError past the limit.
    """
    began = time.monotonic()
    words = tuple(str(word) for word in argv)
    source = asyncio.subprocess.DEVNULL if stdin is None else stdin
    async with spawn(argv, cwd=cwd, env=env, stdin=source, stdout=asyncio.subprocess.PIPE) as process:
        assert process.stdout
        try:
            async with asyncio.timeout(limit):
                output = await _collect(process.stdout, on_line, log)
                status = await process.wait()
        except TimeoutError:
            raise LimitError(f"{' '.join(words)}: still running after {limit:g} s, killed") from None
    done = Done(argv=words, status=status, output=output, seconds=time.monotonic() - began)
    if check and status:
        raise ProcessError(done)
    return done
