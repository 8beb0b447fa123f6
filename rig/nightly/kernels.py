"""What the kernels of the nightly plan are tonight: branches fetched, revisions taken by their commits."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from rig.errors import InputError, RigError
from rig.kernel import checkouts, git, mirror, recipe
from rig.kernel.checkouts import REMOTE
from rig.memory.values import Tip
from rig.model import Recipe, Source
from rig.nightly.matrix import LAST_GOOD, KernelFile
from rig.progress import Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A kernel that is followed from night to night, and the release it is compared with."""

    name: str
    base: Recipe
    tip: Recipe
    repository: Path | None = None  # a git one; None for a kernel that has no history
    commit: str = ""
    subject: str = ""
    base_commit: str = ""

    def tonight(self, night: str) -> Tip:
        """Return what is remembered of it."""
        return Tip(
            night=night,
            kernel=self.name,
            commit=self.commit,
            subject=self.subject,
            base=self.base.name,
            base_commit=self.base_commit,
        )

    def at(self, commit: str) -> Recipe:
        """Return the kernel of another commit."""
        assert self.tip.source
        return replace(self.tip, name=commit[:12], source=replace(self.tip.source, rev=commit))


def check(name: str, file: KernelFile, plan: Path) -> None:
    """Raise InputError if a kernel of `plan` can't be had on any night: a name or directory that there is not."""
    try:
        if file.kernel:
            recipe.resolve(file.kernel, base=recipe.resolve(file.base))
    except InputError as error:
        raise InputError(f"{plan}: kernels.{name}: {error}", hint=error.hint) from error
    local = file.git and not REMOTE.match(file.git)
    if local and not (plan.absolute().parent / Path(file.git).expanduser()).is_dir():
        raise InputError(f"{plan}: kernels.{name}.git: there is no directory {file.git}")


LastGood = Callable[[str], str]  # of a kernel's name: the commit, "" for none


async def found(
    files: Mapping[str, KernelFile], progress: Progress, directory: Path, last_good: LastGood
) -> tuple[tuple[Line, ...], tuple[str, ...]]:
    """Return the kernels as they are now, and what is wrong with those that can't be had.

    Paths are meant from `directory`. A branch that can't be fetched is taken as it was.
    """
    lines, notes = [], []
    for name, file in files.items():
        try:
            line, wrong = await _line(name, _settled(file, last_good(name)), progress, directory)
            lines.append(line)
            notes += wrong
        except RigError as error:
            notes.append(f"{name}: {error}")
    return tuple(lines), tuple(notes)


def _settled(file: KernelFile, last_good: str) -> KernelFile:
    """Return a kernel of the plan with the base it has tonight."""
    return file.model_copy(update={"base": last_good or file.release}) if file.base == LAST_GOOD else file


async def _line(name: str, file: KernelFile, progress: Progress, directory: Path) -> tuple[Line, list[str]]:
    if not file.git:
        base = recipe.resolve(file.base)
        return Line(name=name, base=base, tip=replace(recipe.resolve(file.kernel, base=base), name=name)), []
    repository, wrong = await _repository(file, progress, directory)
    return await _of_git(name, file, repository), wrong


async def _repository(file: KernelFile, progress: Progress, directory: Path) -> tuple[Path, list[str]]:
    if REMOTE.match(file.git):
        return await mirror.updated(file.git, (file.rev, file.release or file.base), progress), []
    repository = (directory / Path(file.git).expanduser()).resolve()
    if file.fetch:
        try:
            await mirror.fetch(repository, file.fetch, progress)
        except InputError as error:
            return repository, [f"{file.git}: {error}; taken as it was fetched last"]
    return repository, []


async def _of_git(name: str, file: KernelFile, repository: Path) -> Line:
    commit = await _commit(repository, file.rev)
    base = await checkouts.commit(repository, file.base)
    return Line(
        name=name,
        base=_at(_short(file.base), repository, base) if base else recipe.resolve(file.base),
        tip=_at(name, repository, commit),
        repository=repository,
        commit=commit,
        subject=(await git.ask(repository, "log", "-1", "--format=%s", commit)).output.strip(),
        base_commit=base,
    )


def _short(rev: str) -> str:
    """Return what people call a revision."""
    return rev[:12] if git.OBJECT.fullmatch(rev) else rev


async def _commit(repository: Path, rev: str) -> str:
    found = await checkouts.commit(repository, rev)
    if not found:
        raise InputError(f"no revision {rev!r} in {repository}")
    return found


def _at(name: str, repository: Path, commit: str) -> Recipe:
    return Recipe(name=name, source=Source(kind="git", location=str(repository), rev=commit))


def again(line: Line, tip: Tip) -> Line:
    """Return a kernel as it was when the night began: the branch may have moved on since."""
    if not line.repository or not tip.commit:
        return line
    base = _at(tip.base, line.repository, tip.base_commit) if tip.base_commit else line.base
    return replace(
        line,
        base=base,
        tip=_at(line.name, line.repository, tip.commit),
        commit=tip.commit,
        subject=tip.subject,
        base_commit=tip.base_commit,
    )
