"""The rig's own copy of a repository elsewhere, with the history that a search for commits needs."""

import hashlib
from collections.abc import Collection
from pathlib import Path

from rig import cache, proc
from rig.errors import InputError
from rig.kernel.git import Repo
from rig.progress import Progress


async def updated(url: str, revs: Collection[str], progress: Progress) -> Path:
    """Return the directory of a copy of the repository at `url` in which `revs` name what they do there now.

    Raises InputError if they can't be fetched.
    """
    repo = Repo(path=cache.mirrors() / hashlib.sha256(url.encode()).hexdigest()[:16])
    async with cache.locked(repo.path.with_suffix(".lock"), progress):
        await repo.create()
        with progress.task(f"fetching {', '.join(revs)} of {url}"):
            await _fetch(repo.path, url, tuple(f"+{rev}:{_ref(rev)}" for rev in revs))
    return repo.path


async def fetch(repository: Path, remote: str, progress: Progress) -> None:
    """Bring the branches of a remote up to date in a repository of the user, as `git fetch` does; raises InputError."""
    with progress.task(f"fetching {remote} of {repository}"):
        await _fetch(repository, remote, ())


async def _fetch(repository: Path, remote: str, refs: tuple[str, ...]) -> None:
    # Not by Repo.git: credentials, proxies and certificates are in the user's configuration.
    argv: proc.Argv = ("git", "-C", repository, "fetch", "--quiet", "--", remote, *refs)
    done = await proc.run(argv, check=False)
    if done.status:
        raise InputError(
            f"can't fetch {remote}:\n{done.output.strip()[-500:]}",
            hint="check the address and the revisions, and that git can get there by itself",
        )


def _ref(rev: str) -> str:
    """Return where a revision is kept: a branch or a tag by its own name, so that it can be asked for by that."""
    return rev if rev.startswith("refs/") else f"refs/heads/{rev}"
