"""A newc cpio archive, the kernel's initramfs format, the same bytes for the same entries. No I/O.

Written here because no packaged tool makes device nodes without being root and keeps owners and times out.
"""

import stat
from collections.abc import Iterable
from dataclasses import dataclass

MAGIC = b"070701"
END = "TRAILER!!!"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One file, directory, link or device; `mode` has the type bits, `data` a link's target."""

    path: str  # relative to the root
    mode: int
    data: bytes = b""
    device: tuple[int, int] = (0, 0)  # major, minor


def directory(path: str, permissions: int = 0o755) -> Entry:
    """Return a directory."""
    return Entry(path=path, mode=stat.S_IFDIR | permissions)


def file(path: str, data: bytes, permissions: int = 0o644) -> Entry:
    """Return a regular file."""
    return Entry(path=path, mode=stat.S_IFREG | permissions, data=data)


def link(path: str, target: str) -> Entry:
    """Return a symbolic link."""
    return Entry(path=path, mode=stat.S_IFLNK | 0o777, data=target.encode())


def device(path: str, major: int, minor: int, permissions: int = 0o600) -> Entry:
    """Return a character device."""
    return Entry(path=path, mode=stat.S_IFCHR | permissions, device=(major, minor))


def pack(entries: Iterable[Entry]) -> bytes:
    """Return the archive of `entries`, in the order of their paths; parents must be among them."""
    ordered = sorted(entries, key=lambda entry: entry.path)
    members = [_member(number, entry) for number, entry in enumerate(ordered, start=1)]
    return b"".join([*members, _member(0, Entry(path=END, mode=0))])


def _member(inode: int, entry: Entry) -> bytes:
    name = entry.path.encode() + b"\0"
    links = 2 if stat.S_ISDIR(entry.mode) else 1
    owner, mtime, host, checksum = (0, 0), 0, (0, 0), 0
    numbers = (inode, entry.mode, *owner, links, mtime, len(entry.data), *host, *entry.device, len(name), checksum)
    head = MAGIC + b"".join(b"%08X" % number for number in numbers) + name
    return _padded(head) + _padded(entry.data)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)
