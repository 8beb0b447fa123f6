from rig.model import Location
from rig.render.html import patch

TEXT = """\
diff --git a/virt/x.c b/virt/x.c
--- a/virt/x.c
+++ b/virt/x.c
@@ -10,3 +10,4 @@ int f(void)
 one
-two
+TWO
+three
 four
"""


def place(line: int, *, patched: bool = False, file: str = "virt/x.c") -> Location:
    return Location(function="f", file=file, line=line, patched=patched)


def test_lines_are_found_by_the_numbers_of_each_side() -> None:
    shown = patch.parse(TEXT)
    lines = {line.id: line.text for line in shown.files[0].lines}
    assert lines[shown.id_of("base", place(11))] == "two"
    assert lines[shown.id_of("patched", place(11))] == "TWO"
    assert lines[shown.id_of("base", place(12))] == lines[shown.id_of("patched", place(13))] == "four"


def test_a_place_that_is_only_near_leads_to_the_file() -> None:
    shown = patch.parse(TEXT)
    assert shown.id_of("patched", place(99, patched=True)) == shown.files[0].id
    assert shown.id_of("patched", place(99)) == ""
    assert shown.id_of("patched", place(11, file="virt/y.c")) == ""


def test_a_hunk_has_its_heading_and_the_signs_their_kinds() -> None:
    (file,) = patch.parse(TEXT).files
    assert (file.path, file.added, file.removed) == ("virt/x.c", 2, 1)
    assert file.lines[0].text == "@@ -10,3 +10,4 @@ int f(void)"
    assert [line.kind for line in file.lines] == ["hunk", "", "del", "add", "add", ""]


def test_what_is_no_patch_is_shown_as_it_is() -> None:
    assert patch.parse("@@ -1,9 +1,9 @@\nnonsense").raw.endswith("nonsense")


def test_a_patch_beyond_measure_is_cut_and_says_so() -> None:
    body = "".join(f"+line {number}\n" for number in range(10_000))
    shown = patch.parse(f"--- a/x\n+++ b/x\n@@ -0,0 +1,10000 @@\n{body}")
    assert len(shown.files[0].lines) == patch.MOST_LINES
    assert shown.left_out == 10_001 - patch.MOST_LINES
