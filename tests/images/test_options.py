"""What the workloads do before they touch /dev/kvm; the rest needs a guest."""

import subprocess
from pathlib import Path

import pytest

WORKLOADS = ("error-paths", "memslot-churn", "root-churn", "vm-teardown")


def run(built: Path, name: str, *options: str) -> subprocess.CompletedProcess[str]:
    program = built / "root" / "workloads" / name
    return subprocess.run((program, *options), capture_output=True, text=True, timeout=20, check=False)


@pytest.mark.parametrize("name", WORKLOADS)
def test_help_names_every_option(built: Path, name: str) -> None:
    done = run(built, name, "--help")
    assert done.returncode == 0
    for option in ("--seconds", "--vcpus", "--threads", "--seed", f"usage: {name} "):
        assert option in done.stdout


@pytest.mark.parametrize("name", WORKLOADS)
@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("--vcpus", "0"), '--vcpus takes a number from 1 to 16, not "0"'),
        (("--vcpus", "17"), "--vcpus takes"),
        (("--threads", "65"), '--threads takes a number from 1 to 64, not "65"'),
        (("--seconds", "ten"), "--seconds takes"),
        (("--seconds", "-1"), "--seconds takes"),
        (("--seconds", ""), "--seconds takes"),
        (("--seed", "18446744073709551616"), "--seed takes"),
        (("--cpus", "1"), "cpus"),
        (("ten",), 'unexpected argument "ten"'),
    ],
)
def test_wrong_options_are_refused(built: Path, name: str, options: tuple[str, ...], complaint: str) -> None:
    done = run(built, name, *options)
    assert done.returncode == 2
    assert complaint in done.stderr
