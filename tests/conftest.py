"""What all tests share: small values to build bigger ones from, and a cache of their own."""

import signal
from pathlib import Path

import pytest

from tests.lab import Lab

# Shells have what they put into the background ignore Ctrl-C, and it would stay so in all that tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def own_dirs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep cache, runs and scratch space under the test's own directory."""
    for name in ("XDG_CACHE_HOME", "XDG_STATE_HOME", "TMPDIR"):
        directory = tmp_path / name.lower()
        directory.mkdir()
        monkeypatch.setenv(name, str(directory))
    return tmp_path


@pytest.fixture
def lab(monkeypatch: pytest.MonkeyPatch) -> Lab:
    """Scripted kernels and guests in the place of real ones."""
    made = Lab(lambda *_: {})
    made.stand_in(monkeypatch)
    return made
