"""checkpatch of the tree that patches are for."""

from pathlib import Path

from rig.kernel import checkpatch, commits, source
from rig.model import Complaint, Recipe, Series, Source
from rig.progress import Silent
from tests.kernel.miniature import git

# Says how long the mail is, whether it has a From line, and what else it was told.
SCRIPT = r"""
my ($mail) = $ARGV[-1];
open(my $in, '<', $mail) or die; my @lines = <$in>;
print "a.c:3: WARNING:LINES: ", scalar(grep { /^\+[^+]/ } @lines), " lines added\n";
print "ERROR:NOBODY: nobody signs\n" if grep { /^--no-signoff/ } @ARGV;
print "and a line that says nothing\n";
"""


def read(*lines: str) -> list[Complaint]:
    return list(checkpatch.complaints(list(lines)))


def test_a_complaint_has_its_place_in_the_patched_file() -> None:
    (said,) = read("arch/x86/kvm/mmu/mmu.c:98: ERROR:CODE_INDENT: code indent should use tabs where possible")
    assert (said.level, said.kind, said.file, said.line) == ("ERROR", "CODE_INDENT", "arch/x86/kvm/mmu/mmu.c", 98)
    assert said.text == "code indent should use tabs where possible"


def test_a_complaint_need_not_have_a_place() -> None:
    for line in ("ERROR:MISSING_SIGN_OFF: Missing Signed-off-by: line(s)", ":5: ERROR:MISSING_SIGN_OFF: Missing"):
        (said,) = read(line)
        assert (said.kind, said.file) == ("MISSING_SIGN_OFF", "")


def test_other_lines_are_passed_over() -> None:
    assert read("", "total: 1 errors, 0 warnings", "No structs that should be const will be found") == []


async def _series(repository: Path, directory: Path) -> Series:
    at = Source(kind="git", location=str(repository), rev="v1")
    bad = Recipe(name="w", source=Source(kind="git", location=str(repository)))
    return await commits.between(Recipe(name="v1", source=at), bad, directory, Silent())


async def _tree(series: Series) -> str:
    assert series.base.source
    return (await source.find(series.base.source, (), Silent())).id


async def test_each_commit_is_shown_to_the_script_of_the_base(repository: Path, tmp_path: Path) -> None:
    (repository / "scripts").mkdir()
    (repository / checkpatch.SCRIPT).write_text(SCRIPT)
    git(repository, "add", "--all")
    git(repository, "commit", "--quiet", "-m", "a script")
    git(repository, "tag", "--force", "v1")
    (repository / checkpatch.SCRIPT).write_text('print "ERROR:EVIL: a script of the series itself\\n";')
    (repository / "main.c").write_text("int one;\nint two;\n")
    git(repository, "commit", "--quiet", "--all", "-m", "two lines")
    (repository / "main.c").write_text("int one;\nint two;\nint three;\n")  # not committed
    series = await _series(repository, tmp_path)
    first, second = await checkpatch.check(series.commits, await _tree(series))
    assert [(each.kind, each.text) for each in first] == [("LINES", "3 lines added")]
    assert [each.kind for each in second] == ["LINES", "NOBODY"]


async def test_a_message_of_one_line_ends_before_the_patch(repository: Path, tmp_path: Path) -> None:
    (repository / "main.c").write_text("int one;\n")
    (commit,) = (await _series(repository, tmp_path)).commits
    message, _, patch = checkpatch.mail(commit).partition("\n---\n")
    assert message.endswith("\nSubject: [PATCH] uncommitted changes\n")  # and an empty line: it is all there is
    assert patch == commit.patch


async def test_a_tree_without_the_script_has_nothing_to_say(repository: Path, tmp_path: Path) -> None:
    (repository / "main.c").write_text("int one;\n")
    series = await _series(repository, tmp_path)
    assert await checkpatch.check(series.commits, await _tree(series)) == ((),)
