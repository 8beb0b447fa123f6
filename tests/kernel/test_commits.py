from dataclasses import replace
from pathlib import Path

import pytest

from rig.errors import InputError
from rig.kernel import commits, source
from rig.model import Commit, Recipe, Series, Source
from rig.progress import Silent
from tests.kernel.miniature import git
from tests.kernel.test_patches import MAIL, SECOND
from tests.kernel.test_source import state

MAIL_OF = MAIL.format


def at(repository: Path, rev: str, **given: object) -> Recipe:
    return Recipe(name=rev, source=Source(kind="git", location=str(repository), rev=rev), **given)  # type: ignore[arg-type]


def commit(repository: Path, subject: str, file: str = "more.c") -> str:
    with (repository / file).open("a") as text:
        text.write(f"/* {subject} */\n")
    git(repository, "add", "--all")
    git(repository, "commit", "--quiet", "-m", subject, "-m", "Because.")
    return git(repository, "rev-parse", "HEAD")


async def between(good: Recipe, bad: Recipe, directory: Path, *, diffs: bool = True) -> Series:
    return await commits.between(good, bad, directory / "series", Silent(), diffs=diffs)


async def tree_of(each: Commit) -> str:
    assert each.recipe.source
    return (await source.find(each.recipe.source, each.recipe.patches, Silent())).id


# ---- a git range


async def test_a_range_is_its_commits_the_oldest_first(repository: Path, tmp_path: Path) -> None:
    made = [commit(repository, "one"), commit(repository, "two")]
    found = await between(at(repository, "v1"), at(repository, "main"), tmp_path)
    assert [each.id for each in found.commits] == made
    assert [each.subject for each in found.commits] == ["one", "two"]


async def test_a_commit_says_who_made_it_why_and_what_it_changes(repository: Path, tmp_path: Path) -> None:
    made = commit(repository, "sub: one", "main.c")
    (found,) = (await between(at(repository, "v1"), at(repository, "main"), tmp_path)).commits
    assert made.startswith(found.short)
    assert (found.author, found.message) == ("t <t@example.org>", "sub: one\n\nBecause.")
    assert found.files == ("main.c",)
    assert found.patch.startswith("diff --git a/main.c b/main.c\n")
    assert "+/* sub: one */" in found.patch


async def test_the_kernels_of_a_range_are_pinned_to_their_commits(repository: Path, tmp_path: Path) -> None:
    made = [commit(repository, "one"), commit(repository, "two")]
    found = await between(at(repository, "v1"), at(repository, "main"), tmp_path)
    commit(repository, "later")
    trees = [git(repository, "rev-parse", f"{each}^{{tree}}") for each in made]
    assert [await tree_of(each) for each in found.commits] == trees
    assert found.base.source == Source(
        kind="git", location=str(repository), rev=git(repository, "rev-parse", "v1^{commit}")
    )


async def test_what_is_not_asked_for_is_not_read(repository: Path, tmp_path: Path) -> None:
    commit(repository, "one")
    (found,) = (await between(at(repository, "v1"), at(repository, "main"), tmp_path, diffs=False)).commits
    assert (found.patch, found.files) == ("", ())


async def test_what_a_merge_brings_in_is_one_with_it(repository: Path, tmp_path: Path) -> None:
    git(repository, "checkout", "--quiet", "-b", "side")
    commit(repository, "aside", "side.c")
    git(repository, "checkout", "--quiet", "main")
    commit(repository, "straight")
    git(repository, "merge", "--quiet", "--no-ff", "-m", "merge it", "side")
    found = (await between(at(repository, "v1"), at(repository, "main"), tmp_path)).commits
    assert [(each.subject, each.merge) for each in found] == [("straight", False), ("merge it", True)]
    assert found[1].files == ("side.c",)


async def test_a_user_s_settings_change_nothing(repository: Path, tmp_path: Path) -> None:
    commit(repository, "one")
    before = await between(at(repository, "v1"), at(repository, "main"), tmp_path)
    for name, value in (
        ("diff.noprefix", "true"),
        ("color.ui", "always"),
        ("log.showSignature", "true"),
        ("diff.external", "false"),
        ("log.decorate", "full"),
    ):
        git(repository, "config", name, value)
    assert await between(at(repository, "v1"), at(repository, "main"), tmp_path) == before


async def test_nothing_of_the_user_s_is_written(repository: Path, tmp_path: Path) -> None:
    commit(repository, "one")
    (repository / "main.c").write_text("dirty")
    before = state(repository)
    await between(at(repository, "v1"), at(repository, ""), tmp_path)
    assert state(repository) == before


async def test_a_name_with_a_quote_or_letters_of_other_tongues_is_itself(repository: Path, tmp_path: Path) -> None:
    commit(repository, "one", 'é"x.c')
    (found,) = (await between(at(repository, "v1"), at(repository, "main"), tmp_path)).commits
    assert found.files == ('é"x.c',)


async def test_no_commit_in_between_is_an_empty_series(repository: Path, tmp_path: Path) -> None:
    assert not (await between(at(repository, "v1"), at(repository, "main"), tmp_path)).commits


async def test_what_does_not_come_after_is_refused_with_where_they_parted(repository: Path, tmp_path: Path) -> None:
    git(repository, "checkout", "--quiet", "-b", "side")
    commit(repository, "aside")
    with pytest.raises(InputError) as caught:
        await between(at(repository, "side"), at(repository, "main"), tmp_path)
    assert str(caught.value) == "main does not come after side"
    assert git(repository, "rev-parse", "main")[:12] in caught.value.hint


async def test_the_merge_base_is_where_two_parted(repository: Path) -> None:
    git(repository, "checkout", "--quiet", "-b", "side")
    commit(repository, "aside")
    assert await commits.merge_base(repository, "side", "main") == git(repository, "rev-parse", "main")


async def test_a_revision_that_is_none_is_refused(repository: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no commit 'nowhere'"):
        await between(at(repository, "v1"), at(repository, "nowhere"), tmp_path)


# ---- uncommitted changes


async def test_uncommitted_changes_are_the_last_step(repository: Path, tmp_path: Path) -> None:
    commit(repository, "one")
    (repository / "main.c").write_text("int x;\n")
    (repository / "new.c").write_text("int y;\n")
    found = (await between(at(repository, "v1"), at(repository, ""), tmp_path)).commits
    assert [(each.short, each.subject) for each in found[1:]] == [("work tree", "uncommitted changes")]
    assert set(found[1].files) == {"main.c", "new.c"}


async def test_they_stay_what_they_were(repository: Path, tmp_path: Path) -> None:
    (repository / "main.c").write_bytes(b"/* \xe9 \xff */\n")
    (repository / "blob").write_bytes(bytes(range(256)))
    (found,) = (await between(at(repository, "v1"), at(repository, ""), tmp_path)).commits
    git(repository, "add", "--all")
    now = git(repository, "write-tree")
    (repository / "main.c").write_text("changed again")
    assert await tree_of(found) == now


async def test_a_clean_work_tree_adds_nothing(repository: Path, tmp_path: Path) -> None:
    made = commit(repository, "one")
    found = await between(at(repository, "v1"), at(repository, ""), tmp_path)
    assert [each.id for each in found.commits] == [made]


async def test_a_directory_that_is_a_work_tree_counts_as_one(repository: Path, tmp_path: Path) -> None:
    (repository / "new.c").write_text("int y;\n")
    directory = Recipe(name="here", source=Source(kind="tree", location=str(repository)))
    (found,) = (await between(at(repository, "v1"), directory, tmp_path)).commits
    assert found.short == "work tree"


# ---- patches


@pytest.fixture
def mbox(patch: Path) -> Path:
    mails = (MAIL.format(number=1, diff=patch.read_text().partition("\n")[2]), MAIL.format(number=2, diff=SECOND))
    box = patch.with_name("series.mbox")
    box.write_text("".join(mails).replace("=0", "=3D0"))
    return box


async def test_each_mail_of_a_series_is_a_kernel_with_all_before(repository: Path, mbox: Path, tmp_path: Path) -> None:
    base = at(repository, "v1")
    found = (await between(base, at(repository, "v1", patches=(mbox,)), tmp_path)).commits
    assert [(each.id, each.short, each.subject, each.files) for each in found] == [
        ("", "1/2", "change", ("main.c",)),
        ("", "2/2", "change", ("main.c",)),
    ]
    assert (found[0].author, found[0].date) == ("A <a@example.org>", "2001-09-17T00:00:00+00:00")
    assert found[0].message == "change\n\nWords."
    whole = await tree_of(replace(found[1], recipe=at(repository, "v1", patches=(mbox,))))
    assert [len(each.recipe.patches) for each in found] == [1, 2]
    assert await tree_of(found[0]) != await tree_of(found[1]) == whole


async def test_a_kernel_leads_to_itself_in_no_step(tmp_path: Path) -> None:
    same = Recipe(name="a", source=Source(kind="debian", location="x"))
    assert await between(same, same, tmp_path) == Series(base=same, commits=())


async def test_a_plain_patch_is_called_by_its_file(repository: Path, patch: Path, tmp_path: Path) -> None:
    (found,) = (await between(at(repository, "v1"), at(repository, "v1", patches=(patch,)), tmp_path)).commits
    assert (found.subject, found.author, found.date) == ("warn.patch", "", "")


async def test_a_patch_with_the_head_of_a_mail_says_who_wrote_it(repository: Path, patch: Path, tmp_path: Path) -> None:
    patch.write_text("From: B <b@example.org>\nSubject: [PATCH] sub: more\n\nWhy.\n---\n" + patch.read_text())
    (found,) = (await between(at(repository, "v1"), at(repository, "v1", patches=(patch,)), tmp_path)).commits
    assert (found.subject, found.author) == ("sub: more", "B <b@example.org>")


async def test_a_quilt_series_keeps_its_options(repository: Path, patch: Path, tmp_path: Path) -> None:
    quilt = tmp_path / "quilt"
    quilt.mkdir()
    (quilt / "a.patch").write_text(patch.read_text().replace("a/main.c", "main.c").replace("b/main.c", "main.c"))
    (quilt / "series").write_text("a.patch -p0\n")
    (found,) = (await between(at(repository, "v1"), at(repository, "v1", patches=(quilt,)), tmp_path)).commits
    (plain,) = (await between(at(repository, "v1"), at(repository, "v1", patches=(patch,)), tmp_path / "p")).commits
    assert await tree_of(found) == await tree_of(plain)


async def test_a_cover_letter_is_no_step(repository: Path, mbox: Path, patch: Path, tmp_path: Path) -> None:
    directory = tmp_path / "sent"
    directory.mkdir()
    (directory / "0000-cover-letter.patch").write_text(MAIL.format(number=0, diff=" main.c | 2 +-\n"))
    (directory / "0001-change.patch").write_text(patch.read_text())
    found = await between(at(repository, "v1"), at(repository, "v1", patches=(directory,)), tmp_path)
    assert [each.short for each in found.commits] == ["1/1"]


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        (Recipe(name="a", bzimage=Path("x")), Recipe(name="b", bzimage=Path("y"))),
        (Recipe(name="a", source=Source(kind="debian", location="x")), at(Path("r"), "v1")),
        (at(Path("r"), "v1"), at(Path("s"), "v1")),
        (at(Path("r"), "v1"), at(Path("r"), "v2", patches=(Path("p"),))),
        (at(Path("r"), "v1", kconfig=("CONFIG_A=y",)), at(Path("r"), "v2")),
    ],
)
async def test_kernels_with_nothing_known_between_them_are_refused(good: Recipe, bad: Recipe, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nothing is known of what lies between"):
        await between(good, bad, tmp_path)
