"""One nightly run at a time."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from rig.errors import HostError
from rig.nightly import guard

HOLD = """
import sys, time
from pathlib import Path
from rig.nightly import guard
with guard.alone(Path(sys.argv[1]), "rig nightly --plan x"):
    print("held", flush=True)
    time.sleep(60)
"""


def holder(lock: Path) -> "subprocess.Popen[bytes]":
    process = subprocess.Popen((sys.executable, "-c", HOLD, str(lock)), stdout=subprocess.PIPE)
    assert process.stdout
    assert process.stdout.readline() == b"held\n"
    return process


def test_another_one_is_refused_and_told_who_is_at_it(tmp_path: Path) -> None:
    process = holder(tmp_path / "lock")
    try:
        with pytest.raises(HostError, match=f"process {process.pid} since 2.*: rig nightly --plan x"):
            guard.alone(tmp_path / "lock", "second").__enter__()
    finally:
        process.kill()
        process.wait()


def test_one_that_was_killed_holds_nothing_up(tmp_path: Path) -> None:
    process = holder(tmp_path / "lock")
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    with guard.alone(tmp_path / "lock", "next"):
        pass
    assert not (tmp_path / "lock.owner").exists()
