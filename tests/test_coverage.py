import gzip
from dataclasses import replace
from pathlib import Path

import pytest

from rig import coverage
from rig.coverage import Look, Row
from rig.errors import PatchError
from rig.gcov import Counted, Function, counted
from rig.model import ChangedLine, Comparison, Coverage, Verdict

GOLDEN = Path(__file__).parent / "golden"
PATCH = Path(__file__).parent.parent / "kernels/patches/0002-keep-roots-until-invalidated.patch"
TDP = "arch/x86/kvm/mmu/tdp_mmu.c"

FIRST = """\
--- a/kvm/x.c
+++ b/kvm/x.c
@@ -10,3 +10,6 @@ int kvm_f(int a)
 {
-\told();
+\tone();
+\ttwo();
+\t/* why */
+\tthree();
 }
"""
SECOND = """\
--- a/kvm/x.c
+++ b/kvm/x.c
@@ -1,1 +1,2 @@
 top
+#include <a.h>
@@ -11,2 +12,2 @@ int kvm_f(int a)
 \tone();
-\ttwo();
+\tdos();
--- /dev/null
+++ b/kvm/new.c
@@ -0,0 +1,4 @@
+int kvm_g(void)
+{
+\treturn 1;
+}
"""
RENAME = """\
diff --git a/kvm/x.c b/kvm/y.c
similarity index 90%
rename from kvm/x.c
rename to kvm/y.c
--- a/kvm/x.c
+++ b/kvm/y.c
@@ -1,2 +1,1 @@
-top
 below
"""
GONE = """\
--- a/kvm/x.c
+++ /dev/null
@@ -1,1 +0,0 @@
-all
"""


def told(*diffs: str) -> list[tuple[str, int, str, str, int]]:
    return [(each.file, each.line, each.text, each.function, each.commit) for each in coverage.changed(diffs)]


# ---- what changes


def test_added_lines_have_their_function_and_number() -> None:
    assert told(FIRST) == [
        ("kvm/x.c", 11, "\tone();", "kvm_f", 0),
        ("kvm/x.c", 12, "\ttwo();", "kvm_f", 0),
        ("kvm/x.c", 13, "\t/* why */", "kvm_f", 0),
        ("kvm/x.c", 14, "\tthree();", "kvm_f", 0),
    ]


def test_lines_are_followed_through_later_commits_and_belong_to_the_last_that_wrote_them() -> None:
    assert told(FIRST, SECOND) == [
        ("kvm/new.c", 1, "int kvm_g(void)", "kvm_g", 1),
        ("kvm/new.c", 2, "{", "kvm_g", 1),
        ("kvm/new.c", 3, "\treturn 1;", "kvm_g", 1),
        ("kvm/new.c", 4, "}", "kvm_g", 1),
        ("kvm/x.c", 2, "#include <a.h>", "", 1),
        ("kvm/x.c", 12, "\tone();", "kvm_f", 0),
        ("kvm/x.c", 13, "\tdos();", "kvm_f", 1),
        ("kvm/x.c", 14, "\t/* why */", "kvm_f", 0),
        ("kvm/x.c", 15, "\tthree();", "kvm_f", 0),
    ]


def test_lines_go_with_a_file_that_is_renamed() -> None:
    assert [(file, line) for file, line, *_ in told(FIRST, RENAME)] == [("kvm/y.c", line) for line in (10, 11, 12, 13)]


def test_lines_go_away_with_their_file() -> None:
    assert told(FIRST, GONE) == []


def test_insertions_without_context_move_what_is_below_them_alone() -> None:
    between = "--- a/kvm/x.c\n+++ b/kvm/x.c\n@@ -12,0 +13,2 @@ int kvm_f(int a)\n+\tnew();\n+\tnewer();\n"
    assert [line for _, line, *_ in told(FIRST, between)] == [11, 12, 13, 14, 15, 16]


def test_what_is_touched_is_files_with_functions() -> None:
    found = coverage.touched(coverage.changed((FIRST, SECOND)))
    assert found == {"kvm/x.c": {"kvm_f"}, "kvm/new.c": {"kvm_g"}}


def test_text_that_is_no_patch_is_refused() -> None:
    with pytest.raises(PatchError):
        coverage.changed(("@@ -1 +1 @@\n+x\n",))


# ---- what ran


def look(workload: str, counts: dict[int, int], *, boot: int = 1, file: str = "/src/kvm/x.c") -> Look:
    function = Function(file=file, name="kvm_f", first=9, last=16)
    lines = {(file, line): count for line, count in counts.items()}
    return Look(boot=boot, workload=workload, counted=Counted(lines=lines, functions=frozenset({function})))


def measured(*looks: Look, unmeasured: tuple[tuple[str, str], ...] = ()) -> Coverage:
    return coverage.measured(coverage.changed((FIRST,)), looks, unmeasured=unmeasured)


def counts(found: Coverage) -> list[int | None]:
    return [line.count for line in found.lines]


def test_a_line_ran_never_ran_or_has_no_code() -> None:
    found = measured(look("churn", {11: 3, 12: 0, 14: 1}))
    assert counts(found) == [3, 0, None, 1]
    assert coverage.total(found) == (2, 3)
    assert [line.text for line in coverage.missed(found)] == ["\ttwo();"]
    assert coverage.sentence(found) == "2 of 3 changed lines ran"


def test_counters_go_on_so_a_workload_ran_what_it_added_to() -> None:
    found = measured(
        look("boot", {11: 0, 12: 1, 14: 0}), look("one", {11: 5, 12: 1, 14: 0}), look("two", {11: 5, 12: 1, 14: 2})
    )
    assert counts(found) == [5, 1, None, 2]
    assert [line.workloads for line in found.lines] == [("one",), ("boot",), (), ("two",)]
    assert found.workloads == ("boot", "one", "two")


def test_counters_begin_anew_with_each_boot() -> None:
    found = measured(look("one", {11: 5, 12: 0}), look("two", {11: 3, 12: 1}, boot=2))
    assert counts(found)[:2] == [8, 1]
    assert [line.workloads for line in found.lines[:2]] == [("one", "two"), ("two",)]


def test_a_file_of_the_same_name_elsewhere_is_another() -> None:
    assert counts(measured(look("one", {11: 5}, file="/src/other/x.c"))) == [None] * 4
    assert counts(measured(look("one", {11: 5}, file="/src/kvm/x.c.c"))) == [None] * 4
    assert counts(measured(look("one", {11: 5}, file="kvm/x.c")))[0] == 5


def test_without_any_counters_nothing_is_known() -> None:
    found = measured()
    assert counts(found) == [None] * 4
    assert found.unmeasured == (("kvm/x.c", coverage.NO_COUNTERS),)
    assert coverage.share(found) is None


def test_a_function_with_statements_but_no_code_is_told() -> None:
    assert measured(look("one", {99: 5})).unmeasured == (("kvm/x.c: kvm_f()", coverage.NO_CODE),)
    known = (("kvm/x.c", "not built with this configuration"),)
    assert measured(look("one", {}), unmeasured=known).unmeasured == known


def test_functions_none_of_whose_lines_ran_are_named() -> None:
    assert coverage.never(measured(look("one", {11: 0, 12: 0}))) == ("kvm_f",)
    assert coverage.never(measured(look("one", {11: 0, 12: 1}))) == ()
    assert coverage.never(measured(look("one", {}))) == ()


def test_rows_are_by_commit_and_function() -> None:
    lines = coverage.changed((FIRST, SECOND))
    found = coverage.measured(lines, (look("one", {12: 1, 13: 0, 15: 0}),))
    assert coverage.rows(found) == (
        Row(commit=0, file="kvm/x.c", function="kvm_f", ran=1, changed=2),
        Row(commit=1, file="kvm/x.c", function="kvm_f", ran=0, changed=1),
    )


def test_the_seed_patch_as_it_was_measured() -> None:
    """Three looks at tdp_mmu.c: after boot, root-churn and vm-teardown of 3 s, as gcov 12.2 wrote them."""
    names = ("boot", "root-churn", "vm-teardown")
    read = [gzip.decompress((GOLDEN / f"gcov-{n}-{name}.json.gz").read_bytes()) for n, name in enumerate(names)]
    looks = [Look(boot=1, workload=name, counted=counted([text])) for name, text in zip(names, read, strict=True)]
    text = PATCH.read_text()
    found = coverage.measured(coverage.changed((text[text.index("diff --git") :],)), looks)
    assert coverage.total(found) == (16, 16)
    assert {line.text.strip() for line in found.lines if line.count} >= {"refcount_set(&root->tdp_mmu_root_count, 2);"}
    assert {row.function: row.changed for row in coverage.rows(found)}["kvm_mmu_uninit_tdp_mmu"] == 2
    assert not found.unmeasured


# ---- what that makes of a comparison

CLEAN = Comparison(verdict=Verdict.CLEAN, findings=(), metrics=())


def line(count: int | None) -> ChangedLine:
    return ChangedLine(file="x.c", line=1, text="x();", function="f", commit=0, count=count)


HALF = Coverage(lines=(line(1), line(0), line(None)))


def test_less_than_required_is_not_clean() -> None:
    judged = coverage.judged(CLEAN, HALF, 80)
    assert (judged.verdict, judged.notes) == (Verdict.INCONCLUSIVE, ("1 of 2 changed lines ran; 80 % are asked for",))


@pytest.mark.parametrize("required", [None, 0, 50])
def test_enough_is_enough(required: float | None) -> None:
    assert coverage.judged(CLEAN, HALF, required) == CLEAN


def test_a_regression_stays_one() -> None:
    bad = replace(CLEAN, verdict=Verdict.REGRESSION)
    judged = coverage.judged(bad, HALF, 80)
    assert (judged.verdict, len(judged.notes)) == (Verdict.REGRESSION, 1)


def test_a_patch_without_code_needs_none_to_run() -> None:
    assert coverage.judged(CLEAN, Coverage(lines=(line(None),)), 100) == CLEAN


def test_where_nothing_is_known_nothing_is_enough() -> None:
    unknown = Coverage(lines=(line(None),), unmeasured=(("x.c", "not built"),))
    assert coverage.judged(CLEAN, unknown, 10).verdict is Verdict.INCONCLUSIVE


def test_what_was_not_measured_counts_only_where_it_is_required() -> None:
    assert coverage.unknown(CLEAN, "no time", None) == replace(
        CLEAN, notes=("patch coverage was not measured: no time",)
    )
    assert coverage.unknown(CLEAN, "no time", 50).verdict is Verdict.INCONCLUSIVE
