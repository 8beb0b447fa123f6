"""Built kernels in the cache, by the digest of what they were made of, and ready ones."""

import hashlib
import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

from pydantic import TypeAdapter

from rig import cache
from rig.errors import InputError
from rig.kernel import gcov
from rig.kernel.buildtree import BuildTree
from rig.model import Kernel

MAGIC = (0x202, b"HdrS")  # Documentation/arch/x86/boot.rst: the header of every bzImage since 1995
BZIMAGE = "arch/x86/boot/bzImage"  # in a build tree
KERNEL_VERSION = 0x20E  # points, less 0x200, at the release string
KERNEL = TypeAdapter(Kernel)
FORMAT = 1  # counts up when kernels made of the same things come out differently


def digest(*made_of: str) -> str:
    """Return the digest of a kernel made of these things."""
    return hashlib.sha256(json.dumps([FORMAT, *made_of]).encode()).hexdigest()


def find(wanted: str, *, name: str, profile: str) -> Kernel | None:
    """Return the kernel with the digest `wanted` if it was ever built, under the name it now goes by."""
    directory = cache.kernels() / wanted
    try:
        kernel = KERNEL.validate_json((directory / "kernel.json").read_bytes())
    except FileNotFoundError:
        return None
    os.utime(directory)  # `rig gc` goes by when it was last used
    return _placed(replace(kernel, name=name, profile=profile), directory)


def publish(kernel: Kernel, built: BuildTree, counting: gcov.Counting | None = None) -> Kernel:
    """Keep what a build left in its tree as the kernel it is, with what `counting` has to tell; whole or not at all."""
    directory = cache.kernels() / kernel.digest
    with cache.published(directory) as draft:
        shutil.copy(built.made(BZIMAGE), draft / "bzImage")
        shutil.copy(built.made("vmlinux"), draft / "vmlinux")
        shutil.copy(built.made(".config"), draft / "config")
        shutil.copy(built.log, draft / "build.log")
        kernel = replace(kernel, gcov=gcov.keep(built, counting, draft) if counting else None)
        (draft / "kernel.json").write_bytes(KERNEL.dump_json(_placed(kernel, Path()), indent=1))
    return _placed(kernel, directory)


def _placed(kernel: Kernel, directory: Path) -> Kernel:
    return replace(
        kernel,
        bzimage=directory / "bzImage",
        vmlinux=directory / "vmlinux",
        config=directory / "config",
        log=directory / "build.log",
        gcov=kernel.gcov and replace(kernel.gcov, notes=directory / gcov.NOTES),
    )


def ready(name: str, profile: str, bzimage: Path) -> Kernel:
    """Return a kernel that somebody else built; raises InputError if the file is none."""
    image = bzimage.read_bytes() if bzimage.is_file() else b""
    return Kernel(
        name=name,
        profile=profile,
        digest=hashlib.sha256(image).hexdigest(),
        release=release(image, bzimage),
        bzimage=bzimage.resolve(),
    )


def is_bzimage(path: Path) -> bool:
    """Say whether a file is a bootable x86 kernel, by its header."""
    with path.open("rb") as file:
        file.seek(MAGIC[0])
        return file.read(len(MAGIC[1])) == MAGIC[1]


def release(image: bytes, path: Path) -> str:
    """Return the release in a bzImage's header; raises InputError if it has none. `path` is for the message."""
    if image[MAGIC[0] :][: len(MAGIC[1])] != MAGIC[1]:
        raise InputError(f"{path} is not a bzImage")
    start = 0x200 + int.from_bytes(image[KERNEL_VERSION:][:2], "little")
    words = image[start:].split(b"\0", 1)[0][:200].decode(errors="replace").split()
    return words[0] if words else ""
