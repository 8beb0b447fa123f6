"""Kernel sources that change under their owner's hands: git repositories, work trees, plain directories."""

import hashlib
import re
import shutil
from pathlib import Path

from rig import cache, proc
from rig.errors import InputError
from rig.kernel import git
from rig.kernel.git import Repo
from rig.kernel.home import Home, Tree, at, is_kernel, write
from rig.progress import Progress

REMOTE = re.compile(r"\w+://|[\w.-]+@[\w.-]+:")


async def revision(repository: Path, rev: str, progress: Progress) -> Tree:
    """Return a revision of the user's repository; raises InputError if there is none."""
    await _asked(repository, "--git-dir", "repository")
    named = await git.ask(
        repository, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{rev}^{{tree}}", check=False
    )
    if named.status:
        raise InputError(f"no revision {rev!r} in {repository}", hint=f"git -C {repository} log shows what there is")
    return Tree(
        home=await _borrowing(repository, progress),
        id=git.one_object(named),
        commit=await commit(repository, rev),
    )


async def commit(repository: Path, rev: str) -> str:
    """Return the commit that a revision is; "" for a tree by itself."""
    words = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{rev}^{{commit}}")
    named = await git.ask(repository, *words, check=False)
    return "" if named.status else git.one_object(named)


async def work_tree(directory: Path, progress: Progress) -> Tree:
    """Return the tree of the user's work tree as it is, by a copy of the user's index; nothing of theirs is written."""
    top = Path(await _asked(directory, "--show-toplevel", "work tree"))
    home = await _borrowing(top, progress)
    names = ("--git-path", "index", "--git-path", "info/exclude")
    asked = await git.ask(top, "rev-parse", "--path-format=absolute", *names)
    index, exclude = (Path(line) for line in asked.output.splitlines())
    if exclude.exists():
        shutil.copy(exclude, home.repo.path / "info" / "exclude")
    return Tree(home=home, id=await _snapshot(home, top, index, keep=False))


async def _asked(directory: Path, question: str, kind: str) -> str:
    done = await git.ask(directory, "rev-parse", "--path-format=absolute", question, check=False)
    if done.status:
        raise InputError(f"{directory} is not a git {kind}", hint="give `tree:` for a plain directory")
    return done.output.strip()


async def _borrowing(repository: Path, progress: Progress) -> Home:
    """Return the home of the user's repository, whose objects are read where they are."""
    common = await _asked(repository, "--git-common-dir", "repository")
    home = await _ready(at("git", common), progress)
    write(home.repo.path / "objects" / "info" / "alternates", f"{common}/objects\n")
    return home


async def _ready(home: Home, progress: Progress) -> Home:
    """Return `home` with a repository in it."""
    if not home.base.exists():
        async with cache.locked(home.lock, progress):
            await home.repo.create()
            write(home.base, "")
    return home


async def fetched(url: str, rev: str, progress: Progress) -> Tree:
    """Return a revision of a repository elsewhere, fetched with nothing of its history."""
    home = await _ready(at("git", url), progress)
    if not (git.OBJECT.fullmatch(rev) and await home.repo.has(f"{rev}^{{tree}}")):
        with progress.task(f"fetching {rev} of {url}"):
            await _fetch(home.repo, url, rev)
    kept = rev if git.OBJECT.fullmatch(rev) else _ref(rev)
    tree, commit = [
        git.one_object(await home.repo.git("rev-parse", f"{kept}^{{{what}}}")) for what in ("tree", "commit")
    ]
    return Tree(home=home, id=tree, commit=commit)


def _ref(rev: str) -> str:
    return f"refs/rig/{hashlib.sha256(rev.encode()).hexdigest()[:12]}"


async def _fetch(repo: Repo, url: str, rev: str) -> None:
    # Not by Repo.git: credentials, proxies and certificates are in the user's configuration.
    argv = ("git", "fetch", "--quiet", "--depth=1", "--no-tags", url, f"+{rev}:{_ref(rev)}")
    done = await proc.run(argv, cwd=repo.path, env={"GIT_DIR": str(repo.path)}, check=False)
    if done.status:
        raise InputError(
            f"can't fetch {rev} of {url}:\n{done.output.strip()[-500:]}",
            hint="check the address and the revision, or give a local clone",
        )


async def directory(path: Path, progress: Progress) -> Tree:
    """Return the tree of a directory as it is; an index kept from last time makes that quick."""
    if not is_kernel(path):
        raise InputError(f"{path} is not a kernel tree")
    path = path.resolve()
    if (path / ".git").exists():
        return await work_tree(path, progress)
    home = await _ready(at("tree", str(path)), progress)
    return Tree(home=home, id=await _snapshot(home, path, home.path / "snapshot", keep=True))


async def _snapshot(home: Home, directory: Path, seen: Path, *, keep: bool) -> str:
    """Return the tree of all files in `directory` that are not ignored.

    The index `seen` tells which files are known already; `keep` brings it up to date, else it isn't touched.
    """
    async with home.repo.index() as index:  # of our own, as another rig may be doing the same
        if seen.exists():
            shutil.copy(seen, index)
        await home.repo.git("add", "--all", ".", index=index, work_tree=directory)
        tree = await home.repo.write_tree(index)
        if keep:
            index.rename(seen)
    return tree
