"""The git hook that checks what is about to be pushed: git runs it, and it a rig that only says how it was called."""

import os
import subprocess
from pathlib import Path

import pytest

from rig import hook
from rig.errors import InputError
from tests.kernel.miniature import git


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """Return a repository with one commit that was pushed and one that was not."""
    git(tmp_path, "init", "--quiet", "--bare", "origin.git")
    git(tmp_path, "init", "--quiet", "--initial-branch=main", "work")
    directory = tmp_path / "work"
    git(directory, "remote", "add", "origin", str(tmp_path / "origin.git"))
    git(directory, "commit", "--quiet", "--allow-empty", "-m", "one")
    git(directory, "push", "--quiet", "origin", "main")
    git(directory, "commit", "--quiet", "--allow-empty", "-m", "two")
    git(directory, "commit", "--quiet", "--allow-empty", "-m", "three")
    return directory


@pytest.fixture
def rig(tmp_path: Path) -> Path:
    """Return a program that notes its arguments and ends with what the file `status` says."""
    program = tmp_path / "bin dir" / "rig"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\necho \"$*\" >> '{tmp_path}/calls'\nexit $(cat '{tmp_path}/status')\n")
    program.chmod(0o755)
    (tmp_path / "status").write_text("0")
    return program


def push(work: Path, *words: str, **env: str) -> int:
    command = ("git", "-C", str(work), "push", "--quiet", *words)
    return subprocess.run(command, check=False, env={**os.environ, **env}, capture_output=True).returncode


def calls(work: Path) -> list[str]:
    path = work.parent / "calls"
    return path.read_text().splitlines() if path.exists() else []


async def test_what_is_new_is_checked_before_it_is_pushed(work: Path, rig: Path) -> None:
    await hook.install(work, f"'{rig}'")
    assert push(work, "origin", "main") == 0
    (call,) = calls(work)
    tip, base = git(work, "rev-parse", "main"), git(work, "rev-parse", "main~2")
    assert call.endswith(f"--tip {tip}")
    named = call.partition("--base ")[2].split()[0]
    assert git(work, "rev-parse", named) == base


@pytest.mark.parametrize(("status", "pushed"), [("1", False), ("3", False), ("130", False), ("4", True), ("2", True)])
async def test_only_what_is_known_to_be_bad_is_not_pushed(work: Path, rig: Path, status: str, pushed: bool) -> None:
    await hook.install(work, f"'{rig}'")
    (work.parent / "status").write_text(status)
    assert (push(work, "origin", "main") == 0) is pushed
    assert (git(work, "rev-parse", "main") in git(work, "ls-remote", "origin")) is pushed


async def test_it_can_be_skipped(work: Path, rig: Path) -> None:
    await hook.install(work, f"'{rig}'")
    (work.parent / "status").write_text("1")
    assert push(work, "origin", "main", RIG_SKIP="1") == 0
    assert calls(work) == []


async def test_what_removes_a_branch_is_not_checked(work: Path, rig: Path) -> None:
    push(work, "origin", "main:other")
    await hook.install(work, f"'{rig}'")
    assert push(work, "origin", ":other") == 0
    assert calls(work) == []


async def test_a_hook_of_somebody_elses_stays(work: Path) -> None:
    path = work / ".git" / "hooks" / "pre-push"
    path.parent.mkdir(exist_ok=True)
    path.write_text("#!/bin/sh\n")
    with pytest.raises(InputError, match="is there already"):
        await hook.install(work, "rig")
    with pytest.raises(InputError, match="no hook of the rig's"):
        await hook.remove(work)
    assert path.read_text() == "#!/bin/sh\n"


async def test_it_is_removed_again(work: Path) -> None:
    path = await hook.install(work, "rig")
    assert await hook.install(work, "rig") == path
    assert await hook.remove(work) == path
    assert not path.exists()
