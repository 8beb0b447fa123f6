"""Kernel sources: whatever way one comes, it becomes a tree object in the cache, and so does each patched state."""

import hashlib
import os
from dataclasses import replace
from pathlib import Path

from rig.kernel import checkouts, patches, tarball
from rig.kernel.home import Tree, write
from rig.model import Source
from rig.progress import Progress


async def find(source: Source, applied: tuple[Path, ...], progress: Progress) -> Tree:
    """Return `source` with patches applied, as a tree object; no work tree is touched.

    Raises InputError for a source that isn't there, PatchError, HostError.
    """
    base = await _base(source, progress)
    os.utime(base.home.path)  # `rig gc` goes by when it was last used
    read = tuple([patch for path in applied for patch in await patches.read(path)])
    digests = tuple(hashlib.sha256(patch.text).hexdigest() for patch in read)
    return replace(base, id=await _patched(base, read), patches=digests)


async def _base(source: Source, progress: Progress) -> Tree:
    match source.kind:
        case "debian":
            return await tarball.debian(source.location, progress)
        case "tarball":
            return await tarball.tarball(Path(source.location), progress)
        case "tree":
            return await checkouts.directory(Path(source.location), progress)
        case "git":
            return await _git(source, progress)


async def _git(source: Source, progress: Progress) -> Tree:
    """Return a revision, the tip of a range, or the work tree as it is."""
    _, dots, tip = source.rev.rpartition("..")
    rev = (tip or "HEAD") if dots else source.rev
    if checkouts.REMOTE.match(source.location):
        return await checkouts.fetched(source.location, rev or "HEAD", progress)
    where = Path(source.location)
    return await (checkouts.revision(where, rev, progress) if rev else checkouts.work_tree(where, progress))


async def _patched(base: Tree, read: tuple[patches.Patch, ...]) -> str:
    """Return the tree id of `base` with patches; remembered, as it is a function of their contents."""
    if not read:
        return base.id
    key = hashlib.sha256(base.id.encode())
    for patch in read:
        key.update(f"{patch.strip} {len(patch.text)} ".encode() + patch.text)
    known = base.home.path / "patched" / key.hexdigest()
    if not known.exists():
        write(known, await patches.apply(base.home.repo, base.id, read))
    return known.read_text()
