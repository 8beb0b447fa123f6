"""Kernel sources in tarballs, Debian's packages among them: unpacked once, and imported as a tree object."""

import shutil
from pathlib import Path

from rig import cache, proc
from rig.errors import HostError, InputError
from rig.kernel import disk
from rig.kernel.home import Home, Tree, at, is_kernel, write
from rig.progress import Progress

DEBIAN_SOURCES = Path("/usr/src")
IMPORT = 2.5  # GiB of disk that a kernel source takes, as files and as objects


async def debian(package: str, progress: Progress) -> Tree:
    """Return the kernel that an installed source package of Debian holds; raises HostError if it is not installed."""
    asked = await proc.run(("dpkg-query", "-W", "-f", "${Version}", package), check=False)
    found = sorted(DEBIAN_SOURCES.glob(f"{package}.tar.*"))
    if asked.status or not asked.output or not found:
        raise HostError(f"the Debian package {package} is not installed", hint=f"apt-get install {package}")
    return await _imported(at("debian", package, asked.output), found[0], progress)


async def tarball(path: Path, progress: Progress) -> Tree:
    """Return the kernel in a tarball; raises InputError if there is none."""
    if not path.is_file():
        raise InputError(f"there is no tarball {path}")
    path = path.resolve()
    state = path.stat()
    return await _imported(at("tarball", str(path), state.st_size, state.st_mtime_ns), path, progress)


async def _imported(where: Home, tarball: Path, progress: Progress) -> Tree:
    if not where.base.exists():
        async with cache.locked(where.lock, progress):
            if not where.base.exists():
                write(where.base, await _import(where, tarball, progress))
    return Tree(home=where, id=where.base.read_text())


async def _import(where: Home, tarball: Path, progress: Progress) -> str:
    """Unpack into the work tree and make a tree object of it; nothing half is left behind."""
    _forget(where)  # what an import left that was killed
    disk.need(IMPORT, where.path)
    try:
        with progress.task(f"unpacking {tarball.name}"):
            await _unpack(tarball, where.tree)
        with progress.task(f"importing {tarball.name}"):
            await where.repo.create()
            index = where.repo.path / "index"
            await where.repo.git("add", "--all", "--force", ".", index=index, work_tree=where.tree)
            return await where.repo.write_tree(index)
    except BaseException:
        _forget(where)
        raise


def _forget(where: Home) -> None:
    shutil.rmtree(where.tree, ignore_errors=True)
    shutil.rmtree(where.repo.path, ignore_errors=True)


async def _unpack(tarball: Path, into: Path) -> None:
    into.mkdir()
    argv = ("tar", "--extract", "--strip-components=1", "--no-same-owner", f"--directory={into}", f"--file={tarball}")
    done = await proc.run(argv, env={"XZ_DEFAULTS": "--threads=0"}, check=False)
    if disk.FULL in done.output:
        raise proc.ProcessError(done)
    if done.status:
        raise InputError(f"{tarball} can't be unpacked:\n{done.output.strip()[-500:]}")
    if not is_kernel(into):
        raise InputError(f"{tarball} holds no kernel source")
