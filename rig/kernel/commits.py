"""The steps from one kernel to another: the commits of a git range, or the patches of a series, each with its kernel.

A history with merges is made linear by first parents: what a merge brought in counts as one with it. All is read
without a write to the user's repository or work tree.
"""

from collections.abc import Iterator
from dataclasses import replace
from email.utils import parsedate_to_datetime
from pathlib import Path

from rig.errors import InputError
from rig.kernel import checkouts, git, patches
from rig.kernel.home import write
from rig.model import Commit, Recipe, Series, Source
from rig.progress import Progress

FIELDS = ("%H", "%h", "%P", "%an <%ae>", "%aI", "%s", "%B")
# A user's settings may change neither what is read nor how.
PLAIN = ("-c", "log.showSignature=false", "-c", "i18n.logOutputEncoding=UTF-8", "-c", "core.quotePath=false")
DIFF = ("diff-tree", "-r", "--no-color", "--no-ext-diff", "--no-textconv", "--src-prefix=a/", "--dst-prefix=b/")
WORK_TREE = "work tree"


async def between(good: Recipe, bad: Recipe, directory: Path, progress: Progress, *, diffs: bool = True) -> Series:
    """Return what leads from `good` to `bad`: commits of one git tree, or the patches that `bad` has more.

    A work tree (a git source without a revision) ends in its uncommitted changes, as they are now. Patches are written
    into `directory`, one by one, as long as whose kernels are wanted. Without `diffs` commits have no patch and no
    files, which is much faster for a long range. Raises InputError if there is no such way, PatchError.
    """
    good, bad = _at_git(good), _at_git(bad)
    extra = bad.patches[len(good.patches) :]
    if good.bzimage or bad.bzimage or good.kconfig != bad.kconfig or bad.patches != (*good.patches, *extra):
        raise _unrelated(good, bad)
    if good.source == bad.source and (extra or not (good.source and good.source.kind == "git")):
        return Series(base=good, commits=await _series(good, extra, directory))
    if extra or good.patches or not (good.source and bad.source and _same_repository(good.source, bad.source)):
        raise _unrelated(good, bad)
    return await _range(good, bad, directory, progress, diffs=diffs)


async def merge_base(repository: Path, one: str, other: str) -> str:
    """Return the commit at which two revisions parted, "" if they have none in common; raises InputError."""
    commits = [await _named(repository, rev) for rev in (one, other)]
    done = await git.ask(repository, "merge-base", *commits, check=False)
    return "" if done.status else git.one_object(done)


def _at_git(recipe: Recipe) -> Recipe:
    """Return a directory that is a git work tree as such."""
    source = recipe.source
    if source and source.kind == "tree" and (Path(source.location) / ".git").exists():
        return replace(recipe, source=Source(kind="git", location=source.location))
    return recipe


def _same_repository(one: Source, other: Source) -> bool:
    local = one.kind == other.kind == "git" and not checkouts.REMOTE.match(one.location)
    return local and Path(one.location).resolve() == Path(other.location).resolve()


def _unrelated(good: Recipe, bad: Recipe) -> InputError:
    return InputError(
        f"nothing is known of what lies between {good.name} and {bad.name}",
        hint="give two revisions of one local git tree (--tree), or a kernel and a series of patches on top of it",
    )


# ---- patches


async def _series(base: Recipe, paths: tuple[Path, ...], directory: Path) -> tuple[Commit, ...]:
    """Return a kernel for each patch of `paths`: with it and all before."""
    read = [patch for path in paths for patch in await patches.read(path)]
    kept = [_kept(directory, number, patch) for number, patch in enumerate(read, start=1)]
    return tuple(
        _patched(base, f"{number}/{len(read)}", patch, tuple(kept[:number]))
        for number, patch in enumerate(read, start=1)
    )


def _kept(directory: Path, number: int, patch: patches.Patch) -> Path:
    """Write a patch where it can be applied from, by itself."""
    directory.mkdir(parents=True, exist_ok=True)
    file = directory.absolute() / f"{number:04}.patch"
    file.write_bytes(patch.text)
    if patch.strip == 1:
        return file
    write(file.with_suffix("") / "series", f"../{file.name} -p{patch.strip}\n")
    return file.with_suffix("")


def _patched(base: Recipe, short: str, patch: patches.Patch, applied: tuple[Path, ...]) -> Commit:
    letter = patch.letter
    subject = letter.subject or Path(patch.name).name
    return Commit(
        id="",
        short=short,
        subject=subject,
        message="\n\n".join(filter(None, (subject, letter.body))),
        author=letter.author,
        date=_iso(letter.date),
        recipe=replace(base, name=f"{base.name}+{short}", patches=(*base.patches, *applied)),
        patch=patch.text.decode(errors="replace"),
        files=tuple(dict.fromkeys(file.path for file in patch.files())),
    )


def _iso(date: str) -> str:
    """Return a mail's date in ISO 8601, "" for none that can be read."""
    try:
        return parsedate_to_datetime(date).isoformat()
    except ValueError:
        return ""


# ---- git


async def _range(good: Recipe, bad: Recipe, directory: Path, progress: Progress, *, diffs: bool) -> Series:
    assert good.source
    assert bad.source
    where = Path(bad.source.location)
    first, last = await _named(where, good.source.rev or "HEAD"), await _named(where, bad.source.rev or "HEAD")
    if (await git.ask(where, "merge-base", "--is-ancestor", first, last, check=False)).status:
        parted = await merge_base(where, first, last)
        hint = f"they parted at {parted[:12]}: give that as the good one" if parted else "they have no commit in common"
        raise InputError(f"{bad.name} does not come after {good.name}", hint=hint)
    commits = await _commits(bad, where, first, last, diffs=diffs)
    base = _revision(good, good.name, first)
    if not bad.source.rev:
        commits += await _uncommitted(_revision(bad, WORK_TREE, last), where, directory, progress)
    return Series(base=base, commits=commits)


async def _named(repository: Path, rev: str) -> str:
    """Return the commit that a revision is; raises InputError."""
    found = await checkouts.commit(repository, rev)
    if not found:
        raise InputError(f"no commit {rev!r} in {repository}", hint=f"git -C {repository} log shows what there is")
    return found


def _revision(like: Recipe, name: str, commit: str) -> Recipe:
    assert like.source
    return replace(like, name=name, source=replace(like.source, rev=commit))


async def _commits(bad: Recipe, where: Path, first: str, last: str, *, diffs: bool) -> tuple[Commit, ...]:
    words = ("log", "-z", "--first-parent", "--reverse", "--no-color", "--no-decorate", "--no-notes", "--no-mailmap")
    done = await git.ask(where, *PLAIN, *words, "--format=tformat:" + "%x00".join(FIELDS), f"{first}..{last}")
    fields = iter(done.output.split("\0"))
    found = [_commit(bad, each) for each in zip(*[fields] * len(FIELDS), strict=False)]
    return tuple([await _with_diff(commit, where) for commit in found]) if diffs else tuple(found)


def _commit(bad: Recipe, fields: tuple[str, ...]) -> Commit:
    full, short, parents, author, date, subject, message = fields
    return Commit(
        id=full,
        short=short,
        subject=subject,
        message=message.strip(),
        author=author,
        date=date,
        recipe=_revision(bad, short, full),
        merge=" " in parents,
    )


async def _with_diff(commit: Commit, where: Path) -> Commit:
    sides = (f"{commit.id}^", commit.id)
    named = await git.ask(where, *PLAIN, *DIFF, "--name-only", "--no-renames", "-z", *sides)
    patch = await git.ask(where, *PLAIN, *DIFF, "-p", "-M", *sides)
    return replace(commit, patch=patch.output, files=tuple(_names(named.output)))


async def _uncommitted(head: Recipe, where: Path, directory: Path, progress: Progress) -> tuple[Commit, ...]:
    """Return the changes of a work tree as a patch on its last commit, so that later changes don't count."""
    assert head.source
    before = await checkouts.revision(where, head.source.rev, progress)
    after = await checkouts.work_tree(where, progress)
    if before.id == after.id:
        return ()
    sides = (before.id, after.id)
    directory.mkdir(parents=True, exist_ok=True)
    file = directory / "work-tree.patch"
    await after.home.repo.git(*DIFF, "-p", "--binary", f"--output={file.absolute()}", *sides)
    named = await after.home.repo.git(*DIFF, "--name-only", "--no-renames", "-z", *sides)
    commit = Commit(
        id="",
        short=WORK_TREE,
        subject="uncommitted changes",
        message="uncommitted changes",
        author="",
        date="",
        recipe=replace(head, patches=(file.absolute(),)),
        patch=file.read_text(errors="replace"),
        files=tuple(_names(named.output)),
    )
    return (commit,)


def _names(output: str) -> Iterator[str]:
    return (name for name in output.split("\0") if name)
