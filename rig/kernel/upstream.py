"""What a branch of the user's is based on, as far as git knows."""

from pathlib import Path

from rig.errors import InputError
from rig.kernel import commits, git

UPSTREAM = "@{upstream}"


async def base(repository: Path, tip: str) -> tuple[str, str]:
    """Return what `tip` is based on, as people call it, and the commit: where it left its upstream branch.

    Raises InputError if the branch has none.
    """
    named = "" if tip == "HEAD" else tip
    asked = ("rev-parse", "--abbrev-ref", "--symbolic-full-name", named + UPSTREAM)
    done = await git.ask(repository, *asked, check=False)
    upstream = done.output.strip()
    parted = "" if done.status else await commits.merge_base(repository, upstream, tip)
    if not parted:
        raise InputError(
            f"nothing says what {tip} is based on",
            hint="add --base REV, or `git branch --set-upstream-to=BRANCH` once",
        )
    return upstream, parted
