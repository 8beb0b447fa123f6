import hashlib
import os
from pathlib import Path

import pytest

from rig import cache, proc
from rig.errors import HostError, InputError
from rig.kernel import source
from rig.kernel.home import Tree, checkout
from rig.model import Source
from rig.progress import Silent
from tests.kernel.miniature import FILES, git


async def find(kind: str, location: Path | str, rev: str = "", patches: tuple[Path, ...] = ()) -> Tree:
    return await source.find(Source(kind=kind, location=str(location), rev=rev), patches, Silent())  # type: ignore[arg-type]


def files(directory: Path) -> dict[str, str]:
    return {str(path.relative_to(directory)): path.read_text() for path in directory.rglob("*") if path.is_file()}


def state(directory: Path) -> dict[str, tuple[int, bytes]]:
    """Return all there is to know of a directory, `.git` included, so that a write to it shows.

    But git renews the times of objects that turn out to be needed, in a repository whose objects are borrowed, too.
    """
    found = [path for path in directory.rglob("*") if path.is_file()]
    return {str(path): (0 if "objects" in path.parts else path.stat().st_mtime_ns, path.read_bytes()) for path in found}


async def test_every_kind_gives_the_same_tree_for_the_same_files(tiny: Path, repository: Path, tarball: Path) -> None:
    found = [
        await find("tree", tiny),
        await find("tarball", tarball),
        await find("git", repository, "v1"),
        await find("git", repository),
    ]
    assert {tree.id for tree in found} == {git(repository, "rev-parse", "HEAD^{tree}")}


async def test_checkout_gives_the_files_and_no_git_directory(tarball: Path) -> None:
    tree = await find("tarball", tarball)
    await checkout(tree)
    assert files(tree.home.tree) == FILES


async def test_revisions_of_a_repository_share_a_home(repository: Path) -> None:
    (repository / "main.c").write_text("new")
    git(repository, "commit", "--quiet", "-a", "-m", "change")
    old, new, tip = [await find("git", repository, rev) for rev in ("v1", "HEAD", "v1..HEAD")]
    assert old.home == new.home
    assert old.id != new.id == tip.id


async def test_a_revision_has_its_commit_and_patches_their_digests(repository: Path, tiny: Path, patch: Path) -> None:
    commit = git(repository, "rev-parse", "HEAD")
    digest = hashlib.sha256(patch.read_bytes()).hexdigest()
    tree = await find("git", repository, "v1", patches=(patch,))
    assert (tree.commit, tree.patches) == (commit, (digest,))
    assert (await find("git", f"file://{repository}", "v1")).commit == commit
    assert (await find("tree", tiny)).commit == ""


async def test_moving_between_states_touches_only_what_differs(tiny: Path, patch: Path) -> None:
    base, patched = await find("tree", tiny), await find("tree", tiny, patches=(patch,))
    await checkout(base)
    before = {path.name: path.stat().st_mtime_ns for path in base.home.tree.iterdir()}
    await checkout(patched)
    after = {path.name: path.stat().st_mtime_ns for path in base.home.tree.iterdir()}
    assert {name for name in before if before[name] != after[name]} == {"main.c"}
    assert "unused" in (base.home.tree / "main.c").read_text()


async def test_an_interrupted_move_heals(tiny: Path, patch: Path) -> None:
    tree = await find("tree", tiny)
    await checkout(tree)
    (tree.home.tree / "main.c").write_text("half")
    (tree.home.tree / "beside.c").unlink()
    (tree.home.tree / "stray.c").write_text("from another state")
    (tree.home.repo.path / "index.lock").write_text("")
    await checkout(tree)
    assert files(tree.home.tree) == FILES


async def test_the_dirty_tree_is_taken_as_it_is_and_left_alone(repository: Path) -> None:
    (repository / "main.c").write_text("changed")
    (repository / "new.c").write_text("untracked")
    (repository / "junk.o").write_text("ignored")
    (repository / "beside.c").unlink()
    before = state(repository)
    tree = await find("git", repository)
    await checkout(tree)
    assert state(repository) == before
    kept = {name: text for name, text in FILES.items() if name != "beside.c"}
    assert files(tree.home.tree) == {**kept, "main.c": "changed", "new.c": "untracked"}


async def test_patching_a_revision_leaves_the_repository_alone(repository: Path, patch: Path) -> None:
    before = state(repository)
    tree = await find("git", repository, "v1", (patch,))
    await checkout(tree)
    assert state(repository) == before


async def test_a_plain_directory_is_left_alone_and_seen_anew(tiny: Path) -> None:
    first = await find("tree", tiny)
    (tiny / "main.c").write_text("changed")
    before = state(tiny)
    second = await find("tree", tiny)
    assert state(tiny) == before
    assert first.home == second.home
    assert first.id != second.id


async def test_a_repository_is_fetched_by_its_address(repository: Path) -> None:
    found = await find("git", f"file://{repository}", "v1")
    assert found.id == git(repository, "rev-parse", "v1^{tree}")


async def test_a_bare_repository_has_revisions(repository: Path) -> None:
    bare = repository.with_name("bare.git")
    git(repository, "clone", "--quiet", "--bare", str(repository), str(bare))
    assert (await find("git", bare, "v1")).id == (await find("git", repository, "v1")).id
    with pytest.raises(InputError, match="not a git work tree"):
        await find("git", bare)


async def test_a_revision_that_is_not_there_is_refused(repository: Path) -> None:
    with pytest.raises(InputError, match="no revision 'v2'"):
        await find("git", repository, "v2")
    with pytest.raises(InputError, match="can't fetch v2"):
        await find("git", f"file://{repository}", "v2")


@pytest.mark.parametrize("kind", ["git", "tree", "tarball"])
async def test_what_is_no_source_is_refused(tmp_path: Path, kind: str) -> None:
    with pytest.raises(InputError, match="nowhere"):
        await find(kind, tmp_path / "nowhere")


async def test_a_missing_package_is_named_with_the_way_to_get_it() -> None:
    with pytest.raises(HostError) as caught:
        await find("debian", "linux-source-0.1")
    assert caught.value.hint == "apt-get install linux-source-0.1"


async def test_a_broken_tarball_leaves_nothing(tarball: Path) -> None:
    tarball.write_bytes(tarball.read_bytes()[:200])
    with pytest.raises(InputError, match="can't be unpacked"):
        await find("tarball", tarball)
    (home,) = cache.sources().iterdir()
    assert {path.name for path in home.iterdir()} <= {"lock"}


async def test_an_import_that_was_killed_is_done_again(tarball: Path) -> None:
    whole = await find("tarball", tarball)
    whole.home.base.unlink()
    (whole.home.tree / "half").write_text("written")
    (whole.home.repo.path / "HEAD").unlink()
    again = await find("tarball", tarball)
    assert again.id == whole.id


async def test_patches_are_applied_once(tiny: Path, patch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = await find("tree", tiny, patches=(patch,))

    async def never(*_: object) -> str:
        raise AssertionError

    monkeypatch.setattr("rig.kernel.patches.apply", never)
    assert await find("tree", tiny, patches=(patch,)) == first


async def test_settings_of_the_user_change_no_tree(repository: Path, tmp_path: Path) -> None:
    before = await find("git", repository)
    (repository / "crlf.c").write_bytes(b"a\r\n")
    git(repository, "config", "core.autocrlf", "true")
    tree = await find("git", repository)
    done = await proc.run(("git", "cat-file", "blob", f"{tree.id}:crlf.c"), cwd=tree.home.repo.path)
    assert before.id != tree.id
    assert done.output == "a\r\n"
    assert os.environ["TMPDIR"].startswith(str(tmp_path))
