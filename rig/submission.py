"""What a user wants to have checked before it is sent, as one value."""

from dataclasses import dataclass, replace
from pathlib import Path

from rig import plan, reach
from rig.errors import InputError
from rig.experiment import Overrides, Submission
from rig.kernel import checkouts, commits, posted, recipe, upstream
from rig.model import Recipe, Series, Source
from rig.progress import Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What was asked for on the command line."""

    base: str | None = None  # a git revision; with a series any KERNEL
    tip: str | None = None  # a git revision; None for HEAD with what is not committed
    series: str | None = None  # a directory, a file, a Message-ID
    tree: Path | None = None
    plan: str = "presubmit"
    overrides: Overrides
    each: bool = False


async def find(wish: Wish, directory: Path, progress: Progress) -> Submission:
    """Return what is to be checked; patches that it takes are written into `directory`.

    Raises InputError if there is nothing to check, or nothing says what it is based on.
    """
    series = await (_posted(wish, directory, progress) if wish.series else _committed(wish, directory, progress))
    if not series.commits:
        raise InputError(f"nothing to check: nothing was changed since {series.base.name}")
    planned = plan.of(series.base, series.commits[-1].recipe, file=wish.plan, overrides=wish.overrides)
    files = dict.fromkeys(file for commit in series.commits for file in commit.files)
    called = reach.of(files, plan.reach_rules())
    others = tuple(plan.profile(name) for name in called.profiles if name != planned.profile.name)
    return Submission(
        series=series,
        plan=planned,
        reach=called,
        chosen=bool(wish.overrides.workloads),
        profiles=() if wish.overrides.profile else others,  # who names one means that one
        each=wish.each,
    )


async def _committed(wish: Wish, directory: Path, progress: Progress) -> Series:
    """Return the commits of the user's branch since its base, and what is not committed yet."""
    repository = _repository(wish.tree)
    tip = wish.tip or "HEAD"
    name, base = (wish.base, wish.base) if wish.base else await upstream.base(repository, tip)
    git = Source(kind="git", location=str(repository))
    good = Recipe(name=name, source=replace(git, rev=base))
    bad = Recipe(name=tip, source=replace(git, rev=wish.tip or ""))
    return await commits.between(good, bad, directory, progress)


def _repository(tree: Path | None) -> Path:
    found = tree or recipe.around(Path.cwd())
    if not found:
        raise InputError("this is no git tree of a kernel", hint="go to one, or name it with --tree DIR")
    return found.resolve()


async def _posted(wish: Wish, directory: Path, progress: Progress) -> Series:
    """Return the patches of a posted series, on what was given as base or what the series itself names."""
    if wish.tip:
        raise InputError("--tip goes with commits, not with --series")
    patches = await posted.fetch(wish.series or "", directory)
    base = await _base_of(wish, patches)
    return await commits.between(
        base,
        replace(base, name=f"{base.name}+{patches[0].stem}", patches=(*base.patches, *patches)),
        directory,
        progress,
    )


async def _base_of(wish: Wish, patches: tuple[Path, ...]) -> Recipe:
    if wish.base:
        return recipe.resolve(wish.base, tree=wish.tree)
    named = posted.base_commit(patches)
    repository = wish.tree or recipe.around(Path.cwd())
    if named and repository and await checkouts.commit(repository, named):
        return Recipe(name=named[:12], source=Source(kind="git", location=str(repository.resolve()), rev=named))
    why = f"its base-commit {named[:12]} is not in the git tree" if named else "the series does not say its base-commit"
    raise InputError(f"what is the series based on? {why}", hint="add --base KERNEL, for instance --base v6.1")
