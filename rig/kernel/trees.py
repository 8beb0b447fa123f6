"""The trees that kernels were built from, looked into without a work tree: those move on with the next build."""

from rig import cache
from rig.kernel.git import Repo


async def text(tree: str, file: str) -> str:
    """Return a file of a tree, "" if there is none."""
    repo = await repository(tree)
    done = await repo.git("show", f"{tree}:{file}", check=False) if repo else None
    return done.output if done and not done.status else ""


async def difference(one: str, other: str) -> str:
    """Return what makes one tree another as a patch, "" if they are not of the same source."""
    repo = await repository(one, other)
    return (await repo.git("diff", "--no-color", "--no-ext-diff", one, other)).output if repo else ""


async def changed(one: str, other: str) -> tuple[str, ...] | None:
    """Return the files in which two trees differ, None if they are not of the same source."""
    repo = await repository(one, other)
    words = ("diff-tree", "-r", "--name-only", "--no-renames", "-z", one, other)
    return tuple((await repo.git(*words)).output.split("\0")[:-1]) if repo else None


async def repository(*trees: str) -> Repo | None:
    """Return the repository in the cache that has all of these trees."""
    for path in cache.sources().glob("*/repo.git") if all(trees) else ():
        repo = Repo(path=path)
        if all([await repo.has(tree) for tree in trees]):
            return repo
    return None
