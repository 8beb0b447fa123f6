import subprocess
from pathlib import Path

import pytest

from rig import paths

IMAGES = paths.project() / "images"


def make(out: Path) -> str:
    command = ("make", "-j2", "-C", str(IMAGES), f"OUT={out}")
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory that `make -C images` was told to fill."""
    out = tmp_path_factory.mktemp("image")
    make(out)
    return out
