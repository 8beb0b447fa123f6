"""One build tree and make in it, healed after an interruption."""

import os
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rig import proc
from rig.errors import BuildError
from rig.events import Detail
from rig.kernel import diagnostics, sandbox, toolchain
from rig.kernel.home import Tree
from rig.kernel.toolchain import Toolchain
from rig.progress import Progress, Task

# The same tree, configuration and compiler give the same bits, whoever builds, when, and for the how-manieth time.
FIXED = (
    "LOCALVERSION=",
    "KBUILD_BUILD_TIMESTAMP=Thu Jan  1 00:00:00 UTC 1970",
    "KBUILD_BUILD_USER=rig",
    "KBUILD_BUILD_HOST=rig",
    "KBUILD_BUILD_VERSION=1",
)
TYPICAL_STEPS = 1800  # of a first build with the shipped profile; only the progress bar depends on it


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildTree:
    """Where one source is built for one profile, with the source tree at its state. Hold the source's lock.

    What the rig itself writes lies beside it: a build can put anything in its tree, links to files elsewhere among it.
    """

    tree: Tree
    path: Path
    tools: Toolchain
    variables: tuple[str, ...] = ()  # for make's command line, beside those of the toolchain

    @property
    def log(self) -> Path:
        """Return the log of the last make, which is also the record of what printed warnings."""
        return self._beside("log")

    @property
    def config(self) -> Path:
        """Return the configuration."""
        return self.path / ".config"

    @property
    def running(self) -> Path:
        """Return the file that is there while make runs, and after it was interrupted."""
        return self._beside("running")

    @property
    def stamp(self) -> Path:
        """Return the file that says what the configuration was made of."""
        return self._beside("configured")

    @property
    def env(self) -> dict[str, str]:
        """Return the environment make needs; the compiler's cache is the source's own, as its build trees are."""
        return {**dict(self.tools.env), "CCACHE_DIR": str(self._cache)}

    @property
    def _cache(self) -> Path:
        return self.tree.home.path / "ccache"

    def _beside(self, kind: str) -> Path:
        return self.path.with_name(f"{self.path.name}.{kind}")

    def command(self, *words: str) -> tuple[str | Path, ...]:
        """Return the command line of make for these targets and options."""
        where = ("-C", self.tree.home.tree, f"O={self.path}")
        return ("make", *where, *FIXED, *self.tools.variables, *self.variables, *words)

    def argv(self, *words: str) -> tuple[str | Path, ...]:
        """Return the command line that runs make, confined, for these targets and options.

        The lock is inherited by every process make starts: after a rig was killed, the next one waits for the last
        of them before it touches what they write. Without a rig to read what it says, make must still live long
        enough to remove half-made targets; so a broken pipe is no reason to die.
        """
        flock = ("flock", "--no-fork", self._beside("lock"), "env", "--ignore-signal=PIPE")
        self._cache.mkdir(exist_ok=True)
        made, seen = (self.path, self._cache), (self.tree.home.tree, toolchain.CACHED.parent)
        return (*flock, *self.tools.sandbox.argv(self.command(*words), made=made, seen=seen, env=self.env))

    async def configure(self, target: str) -> proc.Done:
        """Run a target of Kconfig; the status is the caller's to judge."""
        return await proc.run(self.argv(target), env=self.env, check=False)

    async def make(self, targets: Sequence[str], what: str, progress: Progress) -> proc.Done:
        """Make `targets` into the log, showing each step; the status is the caller's to judge."""
        self._heal()
        total = None if self.log.exists() else TYPICAL_STEPS
        words = ("--output-sync=target", f"-j{toolchain.jobs()}", *targets)
        self.running.touch()
        sandbox.tell(self.tools.sandbox, progress)
        progress.tell(Detail(text=f"{what}: {shlex.join(map(str, self.command(*words)))}"))
        with self.log.open("wb", buffering=0) as log, progress.task(what, total=total) as task:
            done = await proc.run(self.argv(*words), env=self.env, log=log, on_line=partial(_show, task), check=False)
        self.running.unlink()
        return done

    def made(self, name: str) -> Path:
        """Return a file that make left in the tree; raises BuildError if it did not, or left a link elsewhere."""
        path = self.path / name
        if path.is_symlink() or not path.is_file() or not self._holds(path):
            raise BuildError(f"make left no file {name} in its tree", hint=f"its log is {self.log}")
        return path

    def _holds(self, path: Path) -> bool:
        return path.parent.resolve().is_relative_to(self.path.resolve())

    def lines(self) -> list[str]:
        """Return the log of the last make."""
        return self.log.read_text(errors="replace").splitlines() if self.log.exists() else []

    def _heal(self) -> None:
        """Remove what has to be made again.

        That is whatever printed warnings, so that each log has them all; and what an interrupted make may have left
        half written (it removes that itself, unless it was killed outright).
        """
        lines = self.lines()
        suspects = {self._target(name) for name in diagnostics.warned(lines)}
        if self.running.exists():
            whole = {self._target(step.target) for step in diagnostics.steps(lines)}
            suspects |= set(self._written_since(self.running.stat().st_mtime_ns)) - whole
        for target in suspects:
            if self._holds(target) and not target.is_dir():  # the log says what the code of a patch had it say
                target.unlink(missing_ok=True)

    def _target(self, name: str) -> Path:
        """Return the file that a step names: kbuild says a/../b, and tools say it from the root."""
        return Path(os.path.normpath(self.path / name))

    def _written_since(self, began: int) -> Iterator[Path]:
        """Yield the targets written since then: files that kbuild keeps a command for."""
        for command in self.path.rglob(".*.cmd"):
            target = command.with_name(command.name.removeprefix(".").removesuffix(".cmd"))
            if target.exists() and target.stat().st_mtime_ns >= began:
                yield target


def _show(task: Task, line: str) -> None:
    if target := diagnostics.step_target(line):
        task.advance(text=target)
