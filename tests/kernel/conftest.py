"""Kernels in miniature, in all the forms a source comes in."""

import shutil
import subprocess
from pathlib import Path

import pytest

from rig.model import Profile
from tests.kernel.miniature import FILES, WARNING, git


@pytest.fixture(autouse=True)
def _own_cache(own_dirs: Path) -> None:
    """Have every test here use a cache of its own."""


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """Return a plain directory that holds the kernel."""
    directory = tmp_path / "tiny"
    directory.mkdir()
    for name, text in FILES.items():
        (directory / name).write_text(text)
    return directory


@pytest.fixture
def repository(tiny: Path) -> Path:
    """Return a git repository that holds the kernel in one commit, tagged v1."""
    directory = tiny.with_name("repository")
    shutil.copytree(tiny, directory)
    git(directory, "init", "--quiet", "--initial-branch=main")
    git(directory, "add", "--all")
    git(directory, "commit", "--quiet", "-m", "all")
    git(directory, "tag", "v1")
    return directory


@pytest.fixture
def tarball(tiny: Path) -> Path:
    """Return a tarball that holds the kernel."""
    path = tiny.with_name("tiny.tar.xz")
    subprocess.run(("tar", "-cJf", path, "-C", tiny.parent, tiny.name), check=True)
    return path


@pytest.fixture
def profile(tmp_path: Path) -> Profile:
    """Return a profile that asks for one symbol."""
    fragment = tmp_path / "check.config"
    fragment.write_text("# what is checked\nCONFIG_KASAN=y\n")
    return Profile(name="check", description="", fragments=(fragment,), cmdline=(), detectors=())


@pytest.fixture
def patch(tmp_path: Path) -> Path:
    """Return a patch that adds a warning."""
    path = tmp_path / "warn.patch"
    path.write_text("# what it is for\n" + WARNING)
    return path
