"""The script runs here with a rig and a QEMU that only say how they were called."""

import shlex
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from rig.model import Run
from rig.render import script
from rig.render.script import Again, Side
from tests import values

BASE = Side(name="base", kernel="inputs/base/base.yaml")
PATCHED = Side(name="my patch", kernel="inputs/patched/my patch.yaml")
QEMU = ("qemu-system-x86_64", "-m", "512M", "-append", "console=ttyS0 a='b c'")
EVIL = "'; touch pwned; $(touch pwned) `touch pwned` \"#\ntouch pwned\nEND\ntouch pwned\n"


class Kept:
    """A run directory somewhere else, with its script and stand-ins for what that calls."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory / "it's a run"
        self.bin = directory / "bin"
        for path in (self.directory, self.bin):
            path.mkdir()

    def __call__(self, again: Again, *words: str, run: Run | None = None, rig: bool = True) -> list[str]:
        """Return the words that the rig or QEMU was called with; the last thing said, if it came to none."""
        self.write(again, run)
        for program in ("rig", "qemu-system-x86_64") if rig else ("qemu-system-x86_64",):
            stand_in = self.bin / program
            stand_in.write_text(f'#!/bin/sh\nprintf "%s\\0" {program} "$@"\n')
            stand_in.chmod(0o755)
        path = f"{self.bin}:/usr/bin:/bin"
        done = subprocess.run(
            (self.directory / "reproduce.sh", *words),
            capture_output=True,
            cwd=self.bin,
            env={"PATH": path},
            check=False,
        )
        self.status = done.returncode
        return done.stdout.decode().rstrip("\0").split("\0") if not done.returncode else [done.stderr.decode()]

    def write(self, again: Again, run: Run | None = None) -> Path:
        path = self.directory / "reproduce.sh"
        path.write_text(script.reproduce(run or values.run(), again))
        path.chmod(0o755)
        return path

    def __truediv__(self, name: str) -> str:
        return str(self.directory / name)


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    return Kept(tmp_path)


def test_it_compares_what_is_kept_under_the_kept_plan(kept: Kept) -> None:
    called = kept(Again(base=BASE, patched=PATCHED, options=("--accel", "tcg")), "-n", "2", "--json", "a b")
    kernels = [kept / "inputs/base/base.yaml", kept / "inputs/patched/my patch.yaml"]
    options = ["--plan", kept / "inputs/plan.yaml", "--accel", "tcg", "-n", "2", "--json", "a b"]
    assert called == ["rig", "compare", *kernels, *options]


def test_one_kernel_alone_is_run(kept: Kept) -> None:
    called = kept(Again(base=BASE, patched=None))
    assert called[:3] == ["rig", "run", kept / "inputs/base/base.yaml"]


def test_kernels_of_ones_own_take_the_place_of_those_kept(kept: Kept) -> None:
    again = Again(base=BASE, patched=PATCHED)
    assert kept(again, "--kernel", "my bzImage", "-n", "1")[2:4] == [kept / "inputs/base/base.yaml", "my bzImage"]
    assert kept(again, "--base", "v6.1")[2:4] == ["v6.1", kept / "inputs/patched/my patch.yaml"]
    assert kept(Again(base=BASE, patched=None), "--kernel", "b")[2] == "b"


def test_a_patch_goes_over_whatever_base_is(kept: Kept) -> None:
    again = Again(base=BASE, patched=replace(PATCHED, kernel="inputs/my.patch", over_base=True))
    assert kept(again)[3] == f"{kept / 'inputs/base/base.yaml'}+{kept / 'inputs/my.patch'}"
    assert kept(again, "--base", "v6.1", "--tree", "/src")[2:4] == ["v6.1", f"v6.1+{kept / 'inputs/my.patch'}"]


def test_a_source_of_another_host_is_asked_for(kept: Kept, tmp_path: Path) -> None:
    bound = replace(BASE, needs=str(tmp_path / "linux"), commit="c0ffee", patches=("inputs/base/01-a.patch",))
    again = Again(base=bound, patched=PATCHED)
    (said,) = kept(again)
    assert "is not here: --base KERNEL gives another, --tree DIR a clone that has commit c0ffee" in said
    called = kept(again, "--tree", "/src")
    assert called[2] == f"c0ffee+{kept / 'inputs/base/01-a.patch'}"
    assert called[-2:] == ["--tree", "/src"]
    (tmp_path / "linux").mkdir()
    assert kept(again)[2] == kept / "inputs/base/base.yaml"


def test_workloads_of_the_users_are_named_where_they_are_kept(kept: Kept) -> None:
    own = (("inputs/workloads/mine.sh", "'a b' {seed}"), ("", "root-churn"))
    called = kept(Again(base=BASE, patched=None, own=own))
    given = [called[at + 1] for at, word in enumerate(called) if word == "-w"]
    assert given[1:] == ["root-churn"]
    assert shlex.split(given[0]) == [kept / "inputs/workloads/mine.sh", "a b", "{seed}"]


def test_a_run_put_together_of_others_is_put_together_again(kept: Kept) -> None:
    path = kept.write(Again(base=BASE, patched=None))
    path.write_text(script.reproduce(values.run(command="rig compare ab12 cd34"), None))
    assert "exec rig compare ab12 cd34" in path.read_text()
    assert not subprocess.run(("shellcheck", path), capture_output=True, check=False).stdout


def test_without_the_rig_it_says_what_to_do(kept: Kept) -> None:
    (said,) = kept(Again(base=BASE, patched=PATCHED), rig=False)
    assert (kept.status, "make setup" in said) == (2, True)


@pytest.mark.parametrize(
    ("words", "kernel"),
    [(("--boot",), "kernels/patched.bzImage"), (("--boot-base",), "kernels/base.bzImage")],
)
def test_without_the_rig_the_kept_kernels_boot_in_qemu(words: tuple[str, ...], kernel: str, kept: Kept) -> None:
    called = kept(Again(base=BASE, patched=PATCHED, qemu=QEMU), *words, rig=False)
    assert called == [*QEMU, "-kernel", kept / kernel, "-initrd", kept / "kernels/initramfs.cpio"]


def test_a_kernel_of_ones_own_boots_too_and_gives_a_shell(kept: Kept) -> None:
    called = kept(Again(base=BASE, patched=PATCHED, qemu=QEMU), "--shell", "--kernel", "mine", rig=False)
    assert called[called.index("-append") + 1] == "console=ttyS0 a='b c' -- shell"
    assert called[called.index("-kernel") + 1] == "mine"


def test_kernels_that_were_not_kept_can_not_boot(kept: Kept) -> None:
    (said,) = kept(Again(base=BASE, patched=PATCHED), "--boot")
    assert (kept.status, "--keep-kernels" in said) == (2, True)


def test_help_says_how(kept: Kept) -> None:
    (said,) = kept(Again(base=BASE, patched=PATCHED), "--help")
    assert said.startswith("usage: ./reproduce.sh")


def hostile() -> tuple[Again, Run]:
    side = Side(name=EVIL, kernel=f"inputs/{EVIL}", needs=f"/no/{EVIL}", commit="c", patches=(EVIL,))
    again = Again(
        base=side,
        patched=replace(side, over_base=True, commit="", needs=""),
        own=((EVIL, EVIL),),
        qemu=(*QEMU[:-1], EVIL),
    )
    environment = replace(values.ENVIRONMENT, qemu=EVIL, compiler=EVIL)
    return again, replace(values.hostile(), command=EVIL, base=values.kernel(EVIL), environment=environment)


@pytest.mark.parametrize("words", [("--help",), ("--tree", "t"), ("--boot",), ()])
def test_names_are_never_run(words: tuple[str, ...], kept: Kept) -> None:
    again, run = hostile()
    called = kept(again, *words, run=run)
    assert "--tree" not in words or called[3] == f"c+{kept.directory}/{EVIL}+{kept.directory}/inputs/{EVIL}"
    assert not list(kept.bin.glob("pwned")) + list(kept.directory.glob("pwned"))


@pytest.mark.parametrize(
    "again",
    [
        Again(base=BASE, patched=None),
        Again(base=BASE, patched=PATCHED, own=(("inputs/workloads/a", "b"),), qemu=QEMU, options=("--accel", "tcg")),
        Again(base=replace(BASE, needs="/x", commit="c"), patched=replace(PATCHED, over_base=True)),
    ],
)
def test_shellcheck_has_nothing_to_say(again: Again, kept: Kept) -> None:
    done = subprocess.run(("shellcheck", kept.write(again)), capture_output=True, text=True, check=False)
    assert done.stdout == ""
