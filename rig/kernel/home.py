"""Where a source lives in the cache: a repository of trees, a work tree at one of them, build trees beside it."""

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

from rig import cache
from rig.kernel.git import Repo


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """The directory of one source in the cache: repository, work tree, build trees, and the lock over them."""

    path: Path

    @property
    def repo(self) -> Repo:
        """Return the repository of trees."""
        return Repo(path=self.path / "repo.git")

    @property
    def tree(self) -> Path:
        """Return the work tree; only the holder of the lock may look at it."""
        return self.path / "tree"

    @property
    def lock(self) -> Path:
        """Return the lock over work tree and build trees."""
        return self.path / "lock"

    @property
    def base(self) -> Path:
        """Return the file naming the imported tree; it is there once the import is whole."""
        return self.path / "base"

    def build(self, profile: str) -> Path:
        """Return the build tree for a profile."""
        return self.path / f"build-{profile}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """A source at a state."""

    home: Home
    id: str  # of the git tree object
    commit: str = ""  # it was before patches; "" if it came as no git revision
    patches: tuple[str, ...] = ()  # the SHA-256 of each patch applied, in order


async def checkout(tree: Tree) -> None:
    """Bring the work tree to the state of `tree`, touching only files that differ. Hold the lock.

    Heals whatever an interruption or a stranger left there.
    """
    repo, work_tree = tree.home.repo, tree.home.tree
    index = repo.path / "index"
    index.with_suffix(".lock").unlink(missing_ok=True)  # its owner is dead: we have the lock
    work_tree.mkdir(exist_ok=True)
    await repo.git("read-tree", "--reset", "-u", tree.id, index=index, work_tree=work_tree)
    await repo.git("clean", "-dffxq", index=index, work_tree=work_tree)


def at(kind: str, location: str, *state: object) -> Home:
    """Return the home of a source; what is at `location` may change with `state`, and then has another home."""
    digest = hashlib.sha256(repr((kind, location, *state)).encode()).hexdigest()[:12]
    return Home(path=cache.sources() / f"{kind}-{_word(location)}-{digest}")


def _word(location: str) -> str:
    return re.sub(r"[^\w.-]+", "-", Path(location.removesuffix("/.git")).name)[:40].strip("-")


def write(path: Path, text: str) -> None:
    """Write a small file whole or not at all."""
    path.parent.mkdir(exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(text)
    draft.rename(path)


def is_kernel(directory: Path) -> bool:
    """Say whether a directory is the top of a kernel tree."""
    return all((directory / name).exists() for name in ("Makefile", "Kconfig", "Kbuild"))
