"""Git as the rig uses it: a bare repository in the cache, with index and work tree named explicitly."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO

from rig import proc

# Objects come back from their source at any time, so they are written fast rather than small and safe.
SETTINGS = {
    "core.looseCompression": "1",
    "core.fsync": "none",
    "core.bare": "false",
    "core.autocrlf": "false",
    "gc.auto": "0",
    "advice.detachedHead": "false",
}
NEUTRAL = {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"}  # a user's settings change no tree
OBJECT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Repo:
    """A repository of the rig's own."""

    path: Path

    async def git(
        self,
        *words: str | Path,
        index: Path | None = None,
        work_tree: Path | None = None,
        stdin: IO[bytes] | None = None,
        check: bool = True,
    ) -> proc.Done:
        """Run a git command on this repository; `index` and `work_tree` are its own if not given."""
        env = {"GIT_DIR": str(self.path), **NEUTRAL}
        if index:
            env["GIT_INDEX_FILE"] = str(index)
        if work_tree:
            env["GIT_WORK_TREE"] = str(work_tree)
        return await proc.run(("git", *words), cwd=work_tree or self.path, env=env, stdin=stdin, check=check)

    async def create(self) -> None:
        """Make the repository; does nothing to one that is there."""
        await proc.run(("git", "init", "--quiet", "--bare", self.path), env=NEUTRAL)
        for name, value in SETTINGS.items():
            await self.git("config", name, value)

    async def write_tree(self, index: Path) -> str:
        """Return the id of the tree that `index` describes."""
        return one_object(await self.git("write-tree", index=index))

    async def has(self, name: str) -> bool:
        """Say whether an object is there."""
        return not (await self.git("cat-file", "-e", name, check=False)).status

    @asynccontextmanager
    async def index(self, tree: str = "") -> AsyncIterator[Path]:
        """Yield an index file nobody else uses, filled from `tree`."""
        with TemporaryDirectory(prefix="index-", dir=self.path) as directory:
            path = Path(directory) / "index"
            if tree:
                await self.git("read-tree", tree, index=path)
            yield path


def one_object(done: proc.Done) -> str:
    """Return the object id a command printed last; warnings may stand before it."""
    lines = done.output.split()
    if not lines or not OBJECT.fullmatch(lines[-1]):
        raise proc.ProcessError(done)
    return lines[-1]


async def ask(directory: Path, *words: str, check: bool = True) -> proc.Done:
    """Ask a repository of the user a question that changes nothing there."""
    argv: proc.Argv = ("git", "-c", "safe.directory=*", "--no-optional-locks", "-C", directory, *words)
    return await proc.run(argv, check=check)
