"""What starts a night unattended: the units as systemd reads them, the line as cron does."""

import configparser
import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from rig import paths
from rig.cli.nightly import command

CONTRIB = paths.project() / "contrib"
UNITS = ("rig-nightly-unfinished.service", "rig-nightly.service", "rig-nightly.timer")
# What would take from builds their sandbox, or from guests their acceleration.
TOO_MUCH = {
    *("RestrictNamespaces", "PrivateDevices", "PrivateUsers"),
    *("ProtectKernelTunables", "ProtectProc", "ProcSubset"),
}
LIMITS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))  # of a crontab's fields


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """Return a directory with the units, in the home of somebody who has installed the rig."""
    for name in UNITS:
        (tmp_path / name).write_text((CONTRIB / name).read_text())
    rig = tmp_path / ".local/bin/rig"
    rig.parent.mkdir(parents=True)
    rig.write_text("#!/bin/sh\n")
    rig.chmod(0o755)
    return tmp_path


def verified(directory: Path) -> str:
    """Return what systemd has against the units, "" if nothing."""
    (directory / "run").mkdir(exist_ok=True)
    told = {**os.environ, "HOME": str(directory), "XDG_RUNTIME_DIR": str(directory / "run")}
    argv = ("systemd-analyze", "--user", "--man=no", "verify", *(str(directory / name) for name in UNITS))
    done = subprocess.run(argv, env=told, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)
    return done.stdout or ("" if done.returncode == 0 else f"exit status {done.returncode}")


def settings(unit: str) -> configparser.SectionProxy:
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(CONTRIB / unit)
    return parser[unit.rpartition(".")[2].capitalize()]


def test_systemd_has_nothing_against_the_units(units: Path) -> None:
    assert verified(units) == ""


@pytest.mark.parametrize(
    ("unit", "right", "wrong"),
    [
        ("rig-nightly.service", "KillMode=mixed", "KillMode=most"),
        ("rig-nightly.service", "%h/.local/bin/rig", "%h/.local/bin/gone"),
        ("rig-nightly.timer", "00:30:00", "half past midnight"),
    ],
)
def test_systemd_would_see_a_mistake(units: Path, unit: str, right: str, wrong: str) -> None:
    text = (units / unit).read_text()
    (units / unit).write_text(text.replace(right, wrong))
    assert verified(units) != ""


def test_the_units_leave_builds_their_sandbox_and_guests_their_device() -> None:
    assert not TOO_MUCH & set(settings("rig-nightly.service"))


def test_a_night_that_is_interrupted_goes_on_and_one_that_is_missed_begins_late() -> None:
    service = settings("rig-nightly.service")
    assert (service["Restart"], service["KillSignal"], service["KillMode"]) == ("on-failure", "SIGINT", "mixed")
    assert "1" in service["SuccessExitStatus"].split(), "that a regression opened is no failure of the service"
    assert settings("rig-nightly.timer")["Persistent"] == "true"


def cron_line() -> str:
    lines = [line for line in (CONTRIB / "crontab").read_text().splitlines() if line and not line.startswith("#")]
    *variables, line, after_reboot = lines
    assert after_reboot.startswith("@reboot ")
    assert all(re.fullmatch(r"[A-Z]+=\S+", each) for each in variables)
    return line


def test_the_crontab_line_has_five_fields_and_a_command_for_the_shell() -> None:
    *when, said = cron_line().split(maxsplit=5)
    for field, (low, high) in zip(when, LIMITS, strict=True):
        assert field == "*" or low <= int(field) <= high
    assert "%" not in said, "cron makes a line break of it"
    assert (CONTRIB / "crontab").read_text().endswith("\n"), "cron passes over a last line without an end"
    subprocess.run(("sh", "-n", "-c", said), check=True, timeout=10)


@pytest.mark.parametrize(
    "said",
    [settings("rig-nightly.service")["ExecStart"], settings(UNITS[0])["ExecStart"], cron_line().partition(">")[0]],
)
def test_what_is_started_is_a_command_of_the_rig(said: str) -> None:
    words = shlex.split(said)
    at = next(number for number, word in enumerate(words) if word.endswith("/rig"))
    assert words[at + 1] == "nightly"
    command.make_context("nightly", words[at + 2 :])
