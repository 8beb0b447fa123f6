"""The booted guest of a trial, as a test sees it."""

import re
import shlex
import tempfile
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from itertools import count
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from rig.guest.shell import Shell, ShellError
from rig.testing.portal import Portal

LIMIT = 120.0  # seconds; longer than the kernel's detectors of hangs need to speak
LONGEST = 100  # characters of a test's name
LOST = "the guest does not answer any more"
QUICK = 30.0  # seconds, for what needs none
SESSIONS = "/tmp/.rig-sessions"
# Runs $0, the command numbered $1, in a session of its own, so that all that it starts can be ended.
LEADER = f'echo "$1 $$" >> {SESSIONS}; sh -c "$0"; exit $?'
KILL = f"kill -KILL $(sed -n 's/^%s /-/p' {SESSIONS}) 2> /dev/null"
_UNFIT = re.compile(r"[^A-Za-z0-9_.-]+")  # for the name of a file or mark
Answer = TypeVar("Answer")


class GuestLostError(Exception):
    """The guest does not answer any more: its kernel died, or its network did."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A command that ended. `output` is what it wrote to stdout and stderr, as it came."""

    command: str
    status: int
    output: str


class CommandError(Exception):
    """A command failed or did not end; `result` is None if it did not end."""

    def __init__(self, message: str, result: Result | None = None) -> None:
        super().__init__(message)
        self.result = result


class Guest:
    """The guest. Paths are its own unless they are called local; all methods raise GuestLostError once it is gone."""

    def __init__(self, shell: Shell, portal: Portal, plan: Mapping[str, str]) -> None:
        self._shell, self._portal = shell, portal
        self._numbers = count()
        self._mark = ""
        self.seconds = int(plan["RIG_SECONDS"])  # of stress asked for (--seconds)
        self.vcpus = int(plan["RIG_VCPUS"])  # of the guest
        self.threads = int(plan["RIG_THREADS"])  # that a workload is to use at once
        self.seed = int(plan["RIG_SEED"])  # of random choices; the same on both sides of a comparison

    @property
    def alive(self) -> bool:
        """Whether it still answers, as far as is known."""
        return self._shell.alive

    @cached_property
    def release(self) -> str:
        """The release of the kernel that runs, as `uname -r` says."""
        return self.run("uname -r").output.strip()

    def run(self, command: str, *, check: bool = True, limit: float = LIMIT) -> Result:
        """Run `command` by the guest's shell, as root, with nothing on its stdin.

        Raises CommandError if its status is not 0 (unless `check` is off), or if it does not end within `limit`
        seconds: then it is killed, with all that it started and that stayed in its session.
        """
        __tracebackhide__ = True
        output: list[bytes] = []
        number = str(next(self._numbers))
        line = shlex.join(("setsid", "sh", "-c", LEADER, command, number))
        try:
            ran = self._wait(self._shell.run(line, limit=limit, on_output=output.append))
        except TimeoutError:
            self._kill(number)
            raise CommandError(f"{command}: did not end within {limit:g} s") from None
        if ran.status is None:
            raise GuestLostError(f"{command}: {LOST}")
        result = Result(command=command, status=ran.status, output=b"".join(output).decode(errors="replace"))
        if check and result.status:
            raise CommandError(f"{command}: exit status {result.status}: {result.output.strip()}", result)
        return result

    def put(self, local: str | Path, path: str | PurePosixPath, *, limit: float = LIMIT) -> None:
        """Copy a file of the host into the guest; one that can be executed stays so."""
        __tracebackhide__ = True
        self._copy(self._shell.put(Path(local), str(path), limit=limit), path, limit)
        if Path(local).stat().st_mode & 0o100:
            self.run(f"chmod +x {shlex.quote(str(path))}")

    def get(self, path: str | PurePosixPath, local: str | Path, *, limit: float = LIMIT) -> None:
        """Copy a file of the guest to the host."""
        __tracebackhide__ = True
        self._copy(self._shell.get(str(path), Path(local), limit=limit), path, limit)

    def read(self, path: str | PurePosixPath) -> str:
        """Return the text of a file, such as one of /proc or /sys."""
        __tracebackhide__ = True
        with tempfile.NamedTemporaryFile() as file:
            self.get(path, file.name)
            return Path(file.name).read_text(errors="replace")

    def write(self, path: str | PurePosixPath, text: str, *, executable: bool = False) -> None:
        """Write a file, or into one of /proc or /sys: a kernel that refuses is a CommandError."""
        __tracebackhide__ = True
        with tempfile.NamedTemporaryFile() as file:
            Path(file.name).write_text(text)
            self.put(file.name, path)
        if executable:
            self.run(f"chmod +x {shlex.quote(str(path))}")

    def dmesg(self) -> str:
        """Return what the kernel has said since the test began."""
        __tracebackhide__ = True
        said = self.run("dmesg").output
        _, mark, since = said.rpartition(f"{self._mark}\n")
        return since if mark else said

    @contextmanager
    def directory(self, name: str = "test") -> Iterator[PurePosixPath]:
        """Give a new directory in the guest, removed afterwards; the fixture `guest_path` is one."""
        path = self.run(f"mktemp -d /tmp/{_fit(name)}-XXXXXX").output.strip()
        try:
            yield PurePosixPath(path)
        finally:
            with suppress(GuestLostError):
                self.run(f"rm -rf {path}", check=False)

    def begin(self, test: str) -> None:
        """Leave a mark in the kernel's log, and so on the console, that `test` begins here."""
        self._mark = f"rig: test {_fit(test)}"
        self.run(f"echo {self._mark} > /dev/kmsg")

    def _copy(self, copying: Coroutine[Any, Any, None], path: str | PurePosixPath, limit: float) -> None:
        __tracebackhide__ = True
        try:
            self._wait(copying)
        except TimeoutError:
            raise CommandError(f"{path}: not copied within {limit:g} s") from None

    def _wait(self, work: Coroutine[Any, Any, Answer]) -> Answer:
        __tracebackhide__ = True
        try:
            return self._portal.call(work)
        except ShellError as error:
            raise CommandError(str(error)) if self.alive else GuestLostError(LOST) from None

    def sweep(self) -> None:
        """End what commands left running, lest what it holds be taken for a leak of the kernel's."""
        if self.alive:
            self._kill(".*")

    def _kill(self, numbers: str) -> None:
        with suppress(TimeoutError, GuestLostError, CommandError):
            self._wait(self._shell.run(KILL % numbers, limit=QUICK))


def _fit(name: str) -> str:
    return _UNFIT.sub("-", name)[:LONGEST]


@contextmanager
def connected(address: str, plan: Mapping[str, str]) -> Iterator[Guest]:
    """Log in at `address` (rig.guest.shell) and give the guest; `plan` are the variables that a workload gets."""
    shell = Shell.at(address)
    with Portal() as portal:
        try:
            portal.call(shell.connect(limit=LIMIT))
            guest = Guest(shell, portal, plan)
            yield guest
            guest.sweep()
        finally:
            shell.close()
