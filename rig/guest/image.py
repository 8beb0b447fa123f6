"""The guest's initramfs, made of `images/` and kept in the cache; the same inputs give the same bytes."""

import hashlib
import os
import re
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from rig import cache, paths, proc
from rig.guest import cpio
from rig.model import Image
from rig.progress import Progress

NAME = "initramfs.cpio"  # not compressed: unpacking costs an emulated guest more than loading does
LIMIT = 300.0  # seconds for building it
BUILT = "build"  # a directory inside images/ that is an output
TAKEN = ("busybox", "dropbear")  # programs of the host that go in
NODES = (cpio.device("dev/console", 5, 1), cpio.device("dev/null", 1, 3, 0o666))


async def build(progress: Progress) -> Image:
    """Return the image, built if an input has changed. Raises ProcessError if it does not build."""
    source = paths.project() / "images"
    entry = cache.images() / await _digest(source)
    async with cache.locked(entry.with_suffix(".lock"), progress):
        if not entry.exists():
            with progress.task("image"), cache.scratch() as work, cache.published(entry) as made:
                await proc.run(("make", f"-j{os.cpu_count()}", "-C", source, f"OUT={work}"), limit=LIMIT)
                (made / NAME).write_bytes(cpio.pack((*entries(work / "root"), *NODES)))
    path = entry / NAME
    return Image(path=path, digest=hashlib.sha256(path.read_bytes()).hexdigest())


def entries(root: Path) -> Iterator[cpio.Entry]:
    """Yield all that is below `root`, with the permissions it would have under the usual umask."""
    for path in root.rglob("*"):
        name, mode = str(path.relative_to(root)), path.lstat().st_mode
        if stat.S_ISLNK(mode):
            yield cpio.link(name, str(path.readlink()))
        elif stat.S_ISDIR(mode):
            yield cpio.directory(name, 0o1777 if mode & stat.S_ISVTX else 0o755)
        elif stat.S_ISREG(mode):
            yield cpio.file(name, path.read_bytes(), 0o755 if mode & stat.S_IXUSR else 0o644)


def programs(files: Iterable[tuple[str, Path]]) -> bytes:
    """Return an archive to go behind the image's: programs by their paths in the guest, each with where it is here."""
    found = {PurePosixPath(path.lstrip("/")): local for path, local in files}
    parents = {parent for path in found for parent in path.parents} - {PurePosixPath()}
    archived = (cpio.file(str(path), local.read_bytes(), 0o755) for path, local in found.items())
    return cpio.pack((*(cpio.directory(str(parent)) for parent in parents), *archived)) if found else b""


async def _digest(source: Path) -> str:
    """Return a digest of everything the image is made of: its sources, the host's programs in it, the compiler."""
    total = hashlib.sha256()
    ours = (path for path in sorted(source.rglob("*")) if path.is_file() and not path.is_relative_to(source / BUILT))
    for path in (*ours, *await _taken(), Path(__file__), Path(cpio.__file__)):
        name = path.relative_to(source) if path.is_relative_to(source) else path.name
        total.update(f"{name} {_sum(path)}\n".encode())
    total.update((await proc.run(("gcc", "--version"))).output.encode())
    return total.hexdigest()


async def _taken() -> list[Path]:
    """Return the programs of the host that go into the image, and their libraries."""
    programs = [Path(proc.require(name)) for name in TAKEN]
    linked = await proc.run(("ldd", *programs), check=False)  # its status is 1 for a static one
    return [*programs, *sorted({Path(name) for name in re.findall(r"/lib\S+", linked.output) if Path(name).is_file()})]


def _sum(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
