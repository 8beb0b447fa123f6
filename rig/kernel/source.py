"""Kernel sources: whatever way one comes, it becomes a tree object in the cache and is given out as a clean tree."""

import hashlib
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from rig import cache, proc
from rig.errors import HostError, InputError
from rig.kernel import disk, git, patches
from rig.kernel.git import Repo
from rig.model import Source
from rig.progress import Progress

DEBIAN_SOURCES = Path("/usr/src")
IMPORT = 2.5  # GiB of disk that a kernel source takes, as files and as objects
REMOTE = re.compile(r"\w+://|[\w.-]+@[\w.-]+:")


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


async def find(source: Source, applied: tuple[Path, ...], progress: Progress) -> Tree:
    """Return `source` with patches applied, as a tree object; no work tree is touched.

    Raises InputError for a source that isn't there, PatchError, HostError.
    """
    match source.kind:
        case "debian":
            base = await _debian(source.location, progress)
        case "tarball":
            base = await _tarball(Path(source.location), progress)
        case "tree":
            base = await _directory(Path(source.location), progress)
        case "git":
            base = await _git(source, progress)
    os.utime(base.home.path)  # `rig gc` goes by when it was last used
    return Tree(home=base.home, id=await _patched(base, applied))


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


async def _patched(base: Tree, applied: tuple[Path, ...]) -> str:
    """Return the tree id of `base` with patches; remembered, as it is a function of their contents."""
    if not applied:
        return base.id
    read = [patch for path in applied for patch in await patches.read(path)]
    key = hashlib.sha256(base.id.encode())
    for patch in read:
        key.update(f"{patch.strip} {len(patch.text)} ".encode() + patch.text)
    known = base.home.path / "patched" / key.hexdigest()
    if not known.exists():
        _write(known, await patches.apply(base.home.repo, base.id, tuple(read)))
    return known.read_text()


def _home(kind: str, location: str, *state: object) -> Home:
    digest = hashlib.sha256(repr((kind, location, *state)).encode()).hexdigest()[:12]
    return Home(path=cache.sources() / f"{kind}-{_word(location)}-{digest}")


def _word(location: str) -> str:
    return re.sub(r"[^\w.-]+", "-", Path(location).name)[:40].strip("-")


def _write(path: Path, text: str) -> None:
    """Write a small file whole or not at all."""
    path.parent.mkdir(exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(text)
    draft.rename(path)


async def _ready(home: Home, progress: Progress) -> None:
    """Make the repository of a source whose trees are found anew each time."""
    if not home.base.exists():
        async with cache.locked(home.lock, progress):
            await home.repo.create()
            _write(home.base, "")


# ---- Debian's source package, tarballs


async def _debian(package: str, progress: Progress) -> Tree:
    asked = await proc.run(("dpkg-query", "-W", "-f", "${Version}", package), check=False)
    found = sorted(DEBIAN_SOURCES.glob(f"{package}.tar.*"))
    if asked.status or not asked.output or not found:
        raise HostError(f"the Debian package {package} is not installed", hint=f"apt-get install {package}")
    return await _imported(_home("debian", package, asked.output), found[0], progress)


async def _tarball(path: Path, progress: Progress) -> Tree:
    if not path.is_file():
        raise InputError(f"there is no tarball {path}")
    path = path.resolve()
    state = path.stat()
    return await _imported(_home("tarball", str(path), state.st_size, state.st_mtime_ns), path, progress)


async def _imported(home: Home, tarball: Path, progress: Progress) -> Tree:
    if not home.base.exists():
        async with cache.locked(home.lock, progress):
            if not home.base.exists():
                _write(home.base, await _import(home, tarball, progress))
    return Tree(home=home, id=home.base.read_text())


async def _import(home: Home, tarball: Path, progress: Progress) -> str:
    """Unpack into the work tree and make a tree object of it; nothing half is left behind."""
    _forget(home)  # what an import left that was killed
    disk.need(IMPORT, home.path)
    try:
        with progress.task(f"unpacking {tarball.name}"):
            await _unpack(tarball, home.tree)
        with progress.task(f"importing {tarball.name}"):
            await home.repo.create()
            index = home.repo.path / "index"
            await home.repo.git("add", "--all", "--force", ".", index=index, work_tree=home.tree)
            return await home.repo.write_tree(index)
    except BaseException:
        _forget(home)
        raise


def _forget(home: Home) -> None:
    shutil.rmtree(home.tree, ignore_errors=True)
    shutil.rmtree(home.repo.path, ignore_errors=True)


async def _unpack(tarball: Path, where: Path) -> None:
    where.mkdir()
    argv = ("tar", "--extract", "--strip-components=1", "--no-same-owner", f"--directory={where}", f"--file={tarball}")
    done = await proc.run(argv, env={"XZ_DEFAULTS": "--threads=0"}, check=False)
    if disk.FULL in done.output:
        raise proc.ProcessError(done)
    if done.status:
        raise InputError(f"{tarball} can't be unpacked:\n{done.output.strip()[-500:]}")
    if not is_kernel(where):
        raise InputError(f"{tarball} holds no kernel source")


def is_kernel(directory: Path) -> bool:
    """Say whether a directory is the top of a kernel tree."""
    return all((directory / name).exists() for name in ("Makefile", "Kconfig", "Kbuild"))


# ---- a plain directory


async def _directory(path: Path, progress: Progress) -> Tree:
    """Make a tree of a directory as it is; an index kept from last time makes that quick."""
    if not is_kernel(path):
        raise InputError(f"{path} is not a kernel tree")
    path = path.resolve()
    if (path / ".git").exists():
        return await _git(Source(kind="git", location=str(path)), progress)
    home = _home("tree", str(path))
    await _ready(home, progress)
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


# ---- git


async def _git(source: Source, progress: Progress) -> Tree:
    rev = source.rev.rpartition("..")[2] or "HEAD" if ".." in source.rev else source.rev
    if REMOTE.match(source.location):
        return await _fetched(source.location, rev or "HEAD", progress)
    where = Path(source.location)
    asked = await git.ask(where, "rev-parse", "--git-dir" if rev else "--show-toplevel", check=False)
    if asked.status:
        kind = "repository" if rev else "work tree"
        raise InputError(f"{where} is not a git {kind}", hint="give `tree:` for a plain directory")
    return await (_revision(where, rev, progress) if rev else _dirty(Path(asked.output.strip()), progress))


async def _borrowing(top: Path, progress: Progress) -> Home:
    """Return the home of the user's repository at `top`, whose objects are read where they are."""
    objects = await git.ask(top, "rev-parse", "--path-format=absolute", "--git-path", "objects")
    home = _home("git", objects.output.strip())
    await _ready(home, progress)
    (home.repo.path / "objects" / "info" / "alternates").write_text(objects.output)
    return home


async def _revision(top: Path, rev: str, progress: Progress) -> Tree:
    named = await git.ask(top, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{rev}^{{tree}}", check=False)
    if named.status:
        raise InputError(f"no revision {rev!r} in {top}", hint=f"git -C {top} log --oneline shows what there is")
    return Tree(home=await _borrowing(top, progress), id=git.one_object(named))


async def _dirty(top: Path, progress: Progress) -> Tree:
    """Make a tree of the user's work tree as it is, by a copy of the user's index; nothing of theirs is written."""
    home = await _borrowing(top, progress)
    asked = await git.ask(
        top, "rev-parse", "--path-format=absolute", "--git-path", "index", "--git-path", "info/exclude"
    )
    index, exclude = (Path(line) for line in asked.output.splitlines())
    if exclude.exists():
        shutil.copy(exclude, home.repo.path / "info" / "exclude")
    return Tree(home=home, id=await _snapshot(home, top, index, keep=False))


async def _fetched(url: str, rev: str, progress: Progress) -> Tree:
    """Fetch one revision, with nothing of its history."""
    home = _home("git", url)
    await _ready(home, progress)
    if not (git.OBJECT.fullmatch(rev) and await home.repo.has(f"{rev}^{{tree}}")):
        with progress.task(f"fetching {rev} of {url}"):
            await _fetch(home.repo, url, rev)
    kept = rev if git.OBJECT.fullmatch(rev) else _ref(rev)
    return Tree(home=home, id=git.one_object(await home.repo.git("rev-parse", f"{kept}^{{tree}}")))


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
