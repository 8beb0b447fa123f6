"""Series as they were posted."""

from pathlib import Path

import pytest

from rig.errors import InputError
from rig.kernel import patches, posted
from tests.kernel.miniature import git


@pytest.fixture
def thread(repository: Path, tmp_path: Path) -> Path:
    """Return a mailbox: two patches in the wrong order with their cover letter, and a reply that reviews one."""
    for number in (1, 2):
        (repository / "main.c").write_text(f"int number{number};\n")
        git(repository, "commit", "--quiet", "--all", "-m", f"patch {number}", "-m", "Signed-off-by: t <t@example.org>")
    options = (
        "--quiet",
        "--cover-letter",
        "--thread=shallow",
        "--base=v1",
        "--output-directory",
        str(tmp_path / "out"),
    )
    git(repository, "format-patch", *options, "v1..main")
    cover, first, second = sorted((tmp_path / "out").glob("*.patch"))
    identity = next(line for line in first.read_text().splitlines() if line.lower().startswith("message-id:"))
    message_id = identity.partition(": ")[2]
    reply = (
        "From r@example.org Mon Jan  1 00:00:00 2024\nFrom: R <r@example.org>\nSubject: Re: [PATCH 1/2] patch 1\n"
        f"Date: Mon, 1 Jan 2024 00:00:00 +0000\nMessage-ID: <reply@example.org>\nIn-Reply-To: {message_id}\n"
        f"References: {message_id}\n\nReviewed-by: R <r@example.org>\n\n"
    )
    path = tmp_path / "thread.mbox"
    path.write_text("".join((second.read_text(), reply, cover.read_text(), first.read_text())))
    return path


async def test_a_thread_becomes_its_patches_in_order_with_what_replies_gave(thread: Path, tmp_path: Path) -> None:
    (made,) = await posted.fetch(str(thread), tmp_path / "series")
    found = await patches.read(made)
    assert [each.letter.subject for each in found] == ["patch 1", "patch 2"]
    assert "Reviewed-by: R <r@example.org>" in found[0].letter.body


async def test_a_series_says_what_it_is_based_on(thread: Path, repository: Path, tmp_path: Path) -> None:
    made = await posted.fetch(str(thread), tmp_path / "series")
    assert posted.base_commit(made) == git(repository, "rev-parse", "v1")


async def test_a_directory_says_it_too(thread: Path, repository: Path, tmp_path: Path) -> None:
    assert thread.is_file()
    (made,) = await posted.fetch(str(tmp_path / "out"), tmp_path / "series")
    assert made == tmp_path / "out"
    assert posted.base_commit((made,)) == git(repository, "rev-parse", "v1")


async def test_a_file_that_is_no_thread_is_taken_as_it_is(patch: Path, tmp_path: Path) -> None:
    assert await posted.fetch(str(patch), tmp_path / "series") == (patch,)
    assert posted.base_commit((patch,)) == ""


async def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"there is no series nowhere\.mbox"):
        await posted.fetch("nowhere.mbox", tmp_path)
