"""What a user wants to have checked: found by itself, or named."""

from pathlib import Path

import pytest

from rig import submission
from rig.errors import InputError
from rig.experiment import Overrides, Submission
from rig.progress import Silent
from rig.submission import Wish
from tests.kernel.conftest import patch, repository, tiny  # noqa: F401 - fixtures
from tests.kernel.miniature import WARNING, git

pytestmark = pytest.mark.usefixtures("own_dirs")


def commit(directory: Path, subject: str, file: str = "arch/x86/kvm/svm/svm.c") -> str:
    path = directory / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"/* {subject} */\n")
    git(directory, "add", "--all")
    git(directory, "commit", "--quiet", "-m", subject)
    return git(directory, "rev-parse", "HEAD")


async def find(tmp_path: Path, **given: object) -> Submission:
    wish = Wish(**{"overrides": Overrides(), **given})  # type: ignore[arg-type]
    return await submission.find(wish, tmp_path / "series", Silent())


def subjects(asked: Submission) -> list[str]:
    return [each.subject for each in asked.series.commits]


async def test_a_branch_is_checked_since_it_left_its_upstream(repository: Path, tmp_path: Path) -> None:  # noqa: F811
    git(repository, "checkout", "--quiet", "-b", "topic", "--track", "main")
    commit(repository, "one")
    commit(repository, "two")
    git(repository, "checkout", "--quiet", "main")
    commit(repository, "upstream went on", "mm/other.c")
    git(repository, "checkout", "--quiet", "topic")
    asked = await find(tmp_path, tree=repository)
    assert (asked.series.base.name, subjects(asked)) == ("main", ["one", "two"])


async def test_what_is_not_committed_comes_last(repository: Path, tmp_path: Path) -> None:  # noqa: F811
    commit(repository, "one")
    (repository / "main.c").write_text("int changed;\n")
    before = git(repository, "status", "--porcelain")
    asked = await find(tmp_path, tree=repository, base="v1")
    assert subjects(asked) == ["one", "uncommitted changes"]
    assert git(repository, "status", "--porcelain") == before


async def test_a_tip_that_is_named_leaves_out_what_comes_after(repository: Path, tmp_path: Path) -> None:  # noqa: F811
    tip = commit(repository, "one")
    commit(repository, "two")
    assert subjects(await find(tmp_path, tree=repository, base="v1", tip=tip)) == ["one"]


async def test_the_tree_around_the_current_directory_is_meant(
    repository: Path,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    commit(repository, "one")
    monkeypatch.chdir(repository / "arch")
    assert subjects(await find(tmp_path, base="v1")) == ["one"]


async def test_nothing_to_check_is_said(repository: Path, tmp_path: Path) -> None:  # noqa: F811
    with pytest.raises(InputError, match="nothing was changed since v1"):
        await find(tmp_path, tree=repository, base="v1")


async def test_a_branch_without_upstream_needs_a_base(repository: Path, tmp_path: Path) -> None:  # noqa: F811
    commit(repository, "one")
    with pytest.raises(InputError, match="nothing says what HEAD is based on") as error:
        await find(tmp_path, tree=repository)
    assert "--base REV" in error.value.hint


async def test_outside_of_a_tree_it_must_be_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="no git tree of a kernel") as error:
        await find(tmp_path)
    assert "--tree" in error.value.hint


async def test_a_series_goes_on_top_of_any_kernel(repository: Path, patch: Path, tmp_path: Path) -> None:  # noqa: F811
    asked = await find(tmp_path, series=str(patch), base="v1", tree=repository)
    assert [each.short for each in asked.series.commits] == ["1/1"]
    assert asked.plan.patched
    assert len(asked.plan.patched.patches) == 1


async def test_a_series_names_its_base_itself(repository: Path, tmp_path: Path) -> None:  # noqa: F811
    base = git(repository, "rev-parse", "v1")
    path = tmp_path / "based.patch"
    path.write_text(f"Subject: x\n\n{WARNING}-- \nbase-commit: {base}\n")
    asked = await find(tmp_path, series=str(path), tree=repository)
    assert asked.series.base.name == base[:12]
    path.write_text(f"{WARNING}-- \nbase-commit: {'1' * 40}\n")
    with pytest.raises(InputError, match="its base-commit 111111111111 is not in the git tree"):
        await find(tmp_path, series=str(path), tree=repository)


async def test_workloads_are_those_that_the_files_call_for(repository: Path, tmp_path: Path) -> None:  # noqa: F811
    commit(repository, "one", "virt/kvm/eventfd.c")
    asked = await find(tmp_path, tree=repository, base="v1")
    assert [entry.name for entry in asked.workloads] == ["vm-teardown", "error-paths"]
    assert next(entry.name for entry in asked.plan.workloads) == "memslot-churn"
    chosen = await find(tmp_path, tree=repository, base="v1", overrides=Overrides(workloads=("root-churn",)))
    assert [entry.name for entry in chosen.workloads] == ["root-churn"]


async def test_further_profiles_are_those_that_the_files_call_for_unless_one_is_named(
    repository: Path,  # noqa: F811
    tmp_path: Path,
) -> None:
    commit(repository, "one", "arch/x86/kvm/mmu/tdp_mmu.c")
    asked = await find(tmp_path, tree=repository, base="v1")
    assert [each.name for each in asked.profiles] == ["preempt", "race"]
    named = await find(tmp_path, tree=repository, base="v1", overrides=Overrides(profile="sanitize"))
    assert named.profiles == ()


async def test_nothing_of_the_users_is_written(repository: Path, tmp_path: Path) -> None:  # noqa: F811
    commit(repository, "one")
    before = _state(repository)
    await find(tmp_path, tree=repository, base="v1")
    assert _state(repository) == before


def _state(directory: Path) -> list[tuple[Path, bytes, int]]:
    """Return all files with contents and times; git may mark objects as still in use by their times."""
    files = sorted(path for path in directory.rglob("*") if path.is_file())
    times = (0 if "objects" in path.parts else path.stat().st_mtime_ns for path in files)
    return [(path, path.read_bytes(), time) for path, time in zip(files, times, strict=True)]
