from pathlib import Path

import pytest

from rig.errors import InputError, PatchError
from rig.kernel import patches
from rig.kernel.git import Repo
from tests.kernel.miniature import WARNING, git

TWO_HUNKS = """--- a/main.c
+++ b/main.c
@@ -3,5 +3,5 @@
 int first(void);
 int first(void)
 {
-\treturn 1;
+\treturn 3;
 }
@@ -15,5 +15,5 @@
 int second(void);
 int second(void)
 {
-\treturn 7;
+\treturn 4;
 }
"""
SECOND = """--- a/main.c
+++ b/main.c
@@ -5,3 +5,3 @@ int first(void);
 {
-\tint unused;
+\tint unused = 0;
 \treturn 1;
"""
MAIL = """From 0123456789012345678901234567890123456789 Mon Sep 17 00:00:00 2001
From: A <a@example.org>
Date: Mon, 17 Sep 2001 00:00:00 +0000
Subject: [PATCH {number}/2] change
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: quoted-printable

Words.
---
{diff}
--=20
2.39

"""


@pytest.fixture
def repo(repository: Path) -> Repo:
    return Repo(path=repository / ".git")


@pytest.fixture
def tree(repository: Path) -> str:
    return git(repository, "rev-parse", "HEAD^{tree}")


def mail(number: int, diff: str) -> str:
    return MAIL.format(number=number, diff=diff.replace("=", "=3D"))


async def main_c(repo: Repo, tree: str) -> str:
    return (await repo.git("show", f"{tree}:main.c")).output


async def applied(repo: Repo, tree: str, path: Path) -> str:
    return await main_c(repo, await patches.apply(repo, tree, await patches.read(path)))


async def refused(repo: Repo, tree: str, path: Path) -> PatchError:
    with pytest.raises(PatchError) as caught:
        await applied(repo, tree, path)
    return caught.value


async def test_a_patch_after_words_applies(repo: Repo, tree: str, patch: Path) -> None:
    assert "\tint unused;\n" in await applied(repo, tree, patch)


async def test_the_result_depends_on_nothing_else(repo: Repo, tree: str, patch: Path) -> None:
    read = await patches.read(patch)
    assert await patches.apply(repo, tree, read) == await patches.apply(repo, tree, read) != tree


async def test_a_mailbox_is_taken_apart_and_letters_without_a_diff_left_out(
    repo: Repo, tree: str, tmp_path: Path
) -> None:
    box = tmp_path / "series.mbox"
    box.write_text(mail(0, "no diff") + mail(1, WARNING) + mail(2, SECOND))
    read = await patches.read(box)
    assert len(read) == 2
    assert "\tint unused = 0;\n" in await applied(repo, tree, box)


async def test_a_series_is_read_as_quilt_does(repo: Repo, tree: str, tmp_path: Path) -> None:
    (tmp_path / "one.diff").write_text(WARNING)
    (tmp_path / "two.patch").write_text(TWO_HUNKS.replace("a/main.c", "main.c").replace("b/main.c", "main.c"))
    (tmp_path / "series").write_text("# first\none.diff\n\ntwo.patch -p0 # with a remark\n")
    read = await patches.read(tmp_path)
    assert [(Path(each.name).name, each.strip) for each in read] == [("one.diff", 1), ("two.patch", 0)]


async def test_a_directory_without_a_series_is_read_in_order(tmp_path: Path) -> None:
    for name in ("0002-b.patch", "0001-a.patch", "0000-cover.txt"):
        (tmp_path / name).write_text(WARNING)
    assert [Path(each.name).name for each in await patches.read(tmp_path)] == ["0001-a.patch", "0002-b.patch"]


async def test_what_a_series_lists_must_be_there(tmp_path: Path) -> None:
    (tmp_path / "series").write_text("\nnone.patch\n")
    with pytest.raises(InputError, match=r"series:2: there is no patch none\.patch"):
        await patches.read(tmp_path)


async def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no patch"):
        await patches.read(tmp_path / "none.patch")


@pytest.mark.parametrize("name", ["../outside", "a/../../outside", "/etc/passwd"])
async def test_a_path_out_of_the_tree_is_refused_with_its_line(tmp_path: Path, name: str) -> None:
    path = tmp_path / "out.patch"
    path.write_text(WARNING + f"--- a/main.c\n+++ {name}\n@@ -1 +1 @@\n-a\n+b\n")
    with pytest.raises(PatchError, match=rf"out\.patch:9: reaches outside .*{name}"):
        await patches.read(path)


async def test_a_line_of_a_mail_is_counted_in_its_file(tmp_path: Path) -> None:
    path = tmp_path / "mail.patch"
    mails = mail(1, WARNING) + mail(2, WARNING.replace("a/main.c", "a/../main.c"))
    path.write_text(mails.replace("quoted-printable", "8bit").replace("--=20", "-- "))
    expected = path.read_text().splitlines().index("--- a/../main.c") + 1
    with pytest.raises(PatchError, match=rf"mail\.patch:{expected}: reaches outside"):
        await patches.read(path)


async def test_a_changed_line_may_look_like_a_header(tmp_path: Path) -> None:
    path = tmp_path / "looks.patch"
    path.write_text("--- a/x\n+++ b/x\n@@ -1 +1 @@\n--- ../../looks\n+++ ../../like\n")
    assert len(await patches.read(path)) == 1


@pytest.mark.parametrize("text", ["", "just words\n"])
async def test_a_file_without_a_diff_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "empty.patch"
    path.write_text(text)
    with pytest.raises(PatchError, match=r"empty\.patch: no diff"):
        await patches.read(path)


async def test_a_cut_patch_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "cut.patch"
    path.write_text("\n".join(WARNING.splitlines()[:-2]) + "\n")
    with pytest.raises(PatchError, match=r"cut\.patch: not a valid patch"):
        await patches.read(path)


async def test_the_hunk_that_does_not_apply_is_named(repo: Repo, tree: str, tmp_path: Path) -> None:
    path = tmp_path / "wrong.patch"
    path.write_text(TWO_HUNKS)
    error = await refused(repo, tree, path)
    assert str(error) == f"{path} does not apply at hunk 2 of 2 of main.c (line 15)"
    assert "rebase" in error.hint


async def test_a_patch_that_is_in_already_is_called_that(repo: Repo, tree: str, patch: Path) -> None:
    once = await patches.apply(repo, tree, await patches.read(patch))
    error = await refused(repo, once, patch)
    assert error.hint == "it is already in this kernel"


async def test_a_missing_target_is_named(repo: Repo, tree: str, tmp_path: Path) -> None:
    path = tmp_path / "gone.patch"
    path.write_text(WARNING.replace("main.c", "gone.c"))
    assert "gone.c" in str(await refused(repo, tree, path))
