"""The archive, read back by cpio itself."""

import stat
import subprocess
from pathlib import Path

from rig.guest import cpio

ENTRIES = (cpio.file("d/f", b"hello", 0o755), cpio.directory("d", 0o700), cpio.link("d/l", "f"))


def test_cpio_unpacks_it(tmp_path: Path) -> None:
    subprocess.run(("cpio", "-idm", "--quiet"), input=cpio.pack(ENTRIES), cwd=tmp_path, check=True)
    assert (tmp_path / "d/l").read_bytes() == b"hello"
    assert stat.S_IMODE((tmp_path / "d").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "d/f").stat().st_mode) == 0o755


def test_device_nodes_need_no_root() -> None:
    archive = cpio.pack([cpio.directory("dev"), cpio.device("dev/console", 5, 1)])
    listed = subprocess.run(("cpio", "-tv", "--quiet"), input=archive, capture_output=True, check=True)
    assert b"5,   1" in listed.stdout


def test_order_does_not_matter() -> None:
    assert cpio.pack(ENTRIES) == cpio.pack(reversed(ENTRIES))


def test_archives_can_be_joined() -> None:
    assert len(cpio.pack(ENTRIES)) % 4 == 0
