"""What the kernels of the plan are tonight, with real repositories."""

import subprocess
from pathlib import Path

import pytest

from rig.errors import InputError
from rig.nightly import kernels
from rig.nightly.kernels import Line
from rig.nightly.matrix import KernelFile
from rig.progress import Silent


def git(directory: Path, *words: str) -> str:
    identity = ("-c", "user.name=A", "-c", "user.email=a@example.org")
    done = subprocess.run(("git", "-C", directory, *identity, *words), check=True, capture_output=True, text=True)
    return done.stdout.strip()


def commit(directory: Path, subject: str) -> str:
    git(directory, "commit", "--quiet", "--allow-empty", "-m", subject)
    return git(directory, "rev-parse", "HEAD")


@pytest.fixture
def upstream(own_dirs: None, tmp_path: Path) -> Path:
    directory = tmp_path / "upstream"
    directory.mkdir()
    git(directory, "init", "--quiet", "-b", "main")
    commit(directory, "release")
    git(directory, "tag", "v1")
    return directory


async def found(tmp_path: Path, **given: str) -> tuple[tuple[Line, ...], tuple[str, ...]]:
    file = KernelFile(**{"rev": "main", "base": "v1", **given})  # type: ignore[arg-type]
    return await kernels.found({"mainline": file}, Silent(), tmp_path, lambda _: "")


async def test_a_branch_is_taken_by_its_commit(upstream: Path, tmp_path: Path) -> None:
    tip = commit(upstream, "more")
    ((line,), notes) = await found(tmp_path, git="upstream")
    assert (line.commit, line.subject, line.base_commit, notes) == (tip, "more", git(upstream, "rev-parse", "v1"), ())
    assert line.tip.source
    assert (line.tip.name, line.tip.source.rev) == ("mainline", tip)


async def test_a_remote_is_fetched_first(upstream: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "--quiet", str(upstream), "mine")
    tip = commit(upstream, "news")
    ((line,), _) = await found(tmp_path, git="mine", rev="origin/main", fetch="origin")
    assert line.commit == tip


async def test_a_remote_that_cannot_be_reached_leaves_the_branch_as_it_was(upstream: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "--quiet", str(upstream), "mine")
    git(tmp_path / "mine", "remote", "set-url", "origin", str(tmp_path / "gone"))
    ((line,), (note,)) = await found(tmp_path, git="mine", rev="origin/main", fetch="origin")
    assert line.subject == "release"
    assert "can't fetch origin" in note


async def test_a_repository_elsewhere_is_copied_with_its_history_and_fetched_again(
    upstream: Path, tmp_path: Path
) -> None:
    commit(upstream, "one")
    url = upstream.as_uri()
    await found(tmp_path, git=url)
    tip = commit(upstream, "two")
    ((line,), _) = await found(tmp_path, git=url)
    assert line.commit == tip
    assert line.repository
    assert git(line.repository, "log", "--format=%s", f"v1..{tip}") == "two\none"


async def test_a_kernel_that_cannot_be_had_is_said_and_the_others_are_taken(upstream: Path, tmp_path: Path) -> None:
    files = {
        "gone": KernelFile(git="upstream", rev="nowhere", base="v1"),
        "there": KernelFile(git="upstream", rev="main", base="v1"),
    }
    (lines, notes) = await kernels.found(files, Silent(), tmp_path, lambda _: "")
    assert [line.name for line in lines] == ["there"]
    assert "no revision 'nowhere'" in notes[0]


async def test_a_night_that_goes_on_keeps_its_commits(upstream: Path, tmp_path: Path) -> None:
    ((line,), _) = await found(tmp_path, git="upstream")
    then = line.tonight("n1")
    commit(upstream, "later")
    ((moved,), _) = await found(tmp_path, git="upstream")
    again = kernels.again(moved, then)
    assert (again.commit, again.subject, again.tip) == (line.commit, "release", line.tip)


async def test_the_base_may_be_the_last_good_tip_and_the_release_until_there_is_one(
    upstream: Path, tmp_path: Path
) -> None:
    good = commit(upstream, "good")
    commit(upstream, "more")
    files = {"mainline": KernelFile(git="upstream", rev="main", base="last good", release="v1")}
    ((first,), _) = await kernels.found(files, Silent(), tmp_path, lambda _: "")
    ((later,), _) = await kernels.found(files, Silent(), tmp_path, lambda _: good)
    assert (first.base.name, first.base_commit) == ("v1", git(upstream, "rev-parse", "v1"))
    assert (later.base.name, later.base_commit) == (good[:12], good)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"kernel": "patchd", "base": "base"}, "nightly.yaml: kernels.mine: no kernel 'patchd'"),
        ({"kernel": "patched", "base": "bse"}, "kernels.mine: no kernel 'bse'"),
        ({"git": "gone", "rev": "main", "base": "v1"}, "kernels.mine.git: there is no directory gone"),
    ],
)
def test_what_no_night_can_have_is_refused_at_once(given: dict[str, str], said: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=said):
        kernels.check("mine", KernelFile(**given), tmp_path / "nightly.yaml")  # type: ignore[arg-type]


def test_what_a_night_may_have_is_not(upstream: Path, tmp_path: Path) -> None:
    for git in ("upstream", upstream.as_uri(), "https://example.org/linux.git"):
        kernels.check("mine", KernelFile(git=git, rev="main", base="v1"), tmp_path / "nightly.yaml")
