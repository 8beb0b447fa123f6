import os
import subprocess
from pathlib import Path

import pytest

from tests.images.conftest import IMAGES, make

OURS = (
    "init",
    "bin/rig-run",
    "workloads/error-paths",
    "workloads/memslot-churn",
    "workloads/root-churn",
    "workloads/vm-teardown",
)


@pytest.mark.parametrize("name", [*OURS, "bin/busybox"])
def test_what_runs_without_a_loader_is_static(built: Path, name: str) -> None:
    program = built / "root" / name
    assert os.access(program, os.X_OK)
    headers = subprocess.run(("readelf", "-l", str(program)), capture_output=True, text=True, check=True).stdout
    assert "INTERP" not in headers


def test_busybox_answers_to_the_names_of_its_applets(built: Path) -> None:
    for applet in ("sh", "poweroff", "dmesg", "cat"):
        assert (built / "root" / "bin" / applet).readlink() == Path("busybox")


def test_dropbear_has_its_libraries_where_it_looks_for_them(built: Path) -> None:
    dropbear = built / "root" / "usr" / "sbin" / "dropbear"
    needed = subprocess.run(("ldd", str(dropbear)), capture_output=True, text=True, check=True).stdout.split()
    libraries = [word for word in needed if word.startswith("/")]
    assert libraries
    for library in libraries:
        assert (built / "root" / library.removeprefix("/")).is_file()


def test_a_second_make_does_nothing(built: Path) -> None:
    before = {path: path.lstat().st_mtime_ns for path in built.rglob("*")}
    assert "Nothing to be done" in make(built)
    assert {path: path.lstat().st_mtime_ns for path in built.rglob("*")} == before


def test_the_same_sources_give_the_same_programs(built: Path, tmp_path: Path) -> None:
    make(tmp_path)
    for name in OURS:
        assert (tmp_path / "root" / name).read_bytes() == (built / "root" / name).read_bytes()


def test_sources_are_left_alone(built: Path) -> None:
    assert built.is_dir()
    assert not [path for path in IMAGES.rglob("*") if path.suffix in {".o", ".bin", ".d"}]
