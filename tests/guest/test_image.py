"""The image, made for real."""

import os
import subprocess
from pathlib import Path

import pytest

from rig.guest import cpio, image
from rig.progress import Silent


async def test_it_is_built_once(own_dirs: Path) -> None:
    first = await image.build(Silent())
    stamp = first.path.stat().st_mtime_ns
    again = await image.build(Silent())
    assert again == first
    assert again.path.stat().st_mtime_ns == stamp
    assert own_dirs in first.path.parents


@pytest.mark.boot
async def test_the_same_inputs_give_the_same_bytes(own_dirs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = await image.build(Silent())
    monkeypatch.setenv("XDG_CACHE_HOME", str(own_dirs))
    assert (await image.build(Silent())).digest == first.digest


def test_permissions_do_not_depend_on_the_umask(tmp_path: Path) -> None:
    (tmp_path / "file").touch(0o600)
    (tmp_path / "program").touch(0o700)
    (tmp_path / "link").symlink_to("file")
    assert set(image.entries(tmp_path)) == {
        cpio.file("file", b"", 0o644),
        cpio.file("program", b"", 0o755),
        cpio.link("link", "file"),
    }


def test_programs_go_where_the_guest_finds_them(tmp_path: Path) -> None:
    (tmp_path / "here").write_text("hello")
    (tmp_path / "there").mkdir()
    archive = image.programs([("/a/b/one", tmp_path / "here"), ("/a/two", tmp_path / "here")])
    subprocess.run(("cpio", "-idm", "--quiet"), input=archive, cwd=tmp_path / "there", check=True)
    found = {str(path.relative_to(tmp_path / "there")) for path in tmp_path.joinpath("there").rglob("*")}
    assert found == {"a", "a/b", "a/b/one", "a/two"}
    assert os.access(tmp_path / "there/a/b/one", os.X_OK)


def test_without_programs_nothing_is_added() -> None:
    assert image.programs([]) == b""
