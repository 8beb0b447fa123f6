from pathlib import Path

import pytest

from rig.errors import PatchError
from rig.reports.touched import Change, Touched, touched

PATCHES = Path(__file__).parents[2] / "kernels" / "patches"

FIRST = """\
--- a/fs/x.c
+++ b/fs/x.c
@@ -10,7 +10,8 @@ static int before(int a)
 a++;
 return a;
 }
-int changed(struct x *x,
+int __init changed(struct x *x,
+   int y,
     int z)
 {
 return 0;
@@ -40,3 +41,6 @@ static void grown(void)
 one();
+two();
+three();
+four();
 five();
 }
"""

SECOND = """\
--- a/fs/x.c
+++ b/fs/x.c
@@ -1,2 +1,4 @@
 // x
+#include <a.h>
+#include <b.h>
 // y
--- /dev/null
+++ b/fs/new.c
@@ -0,0 +1,3 @@
+struct x *made(void)
+{
+}
"""


def test_functions_are_those_whose_lines_change() -> None:
    assert touched([FIRST]).files["fs/x.c"].functions == {"changed", "grown"}


def test_lines_are_those_of_the_patched_side() -> None:
    assert touched([FIRST]).files["fs/x.c"].lines == ((10, 17), (41, 46))


def test_a_later_patch_moves_the_lines_of_an_earlier_one() -> None:
    both = touched([FIRST, SECOND])
    assert both.files["fs/x.c"].lines == ((1, 4), (12, 19), (43, 48))
    assert both.files["fs/new.c"] == Change(lines=((1, 3),), functions=frozenset({"made"}))


def test_lines_of_the_base_side() -> None:
    assert touched([FIRST, SECOND], "base").files["fs/x.c"].lines == ((1, 2), (10, 16), (40, 42))


def test_lines_inside_a_later_hunk_stay_inside_it() -> None:
    again = "--- a/fs/x.c\n+++ b/fs/x.c\n@@ -40,8 +40,1 @@ void x(void)\n one\n-\n-\n-\n-\n-\n-\n-\n"
    assert touched([FIRST, again]).files["fs/x.c"].lines[1:] == ((40, 40), (40, 40))


def test_has() -> None:
    change = Touched(files={"fs/x.c": Change(lines=((10, 12),), functions=frozenset({"f"}))})
    assert change.has("f.isra.0", "fs/x.c", 99)
    assert change.has("g", "fs/x.c", 12)
    assert not change.has("g", "fs/x.c", 13)
    assert not change.has("f", "fs/y.c", 10)


def test_a_system_call_is_known_by_its_function() -> None:
    text = "--- a/fs/x.c\n+++ b/fs/x.c\n@@ -1,3 +1,3 @@ SYSCALL_DEFINE3(ioctl, unsigned int, fd)\n a\n-b\n+c\n d\n"
    assert touched([text]).files["fs/x.c"].functions == {"__do_sys_ioctl"}
    assert touched([text.replace("SYS", "COMPAT_SYS")]).files["fs/x.c"].functions == {"__do_sys_ioctl"}


@pytest.mark.parametrize("header", ["EXPORT_SYMBOL_GPL(f);", "module_param(f, bool);", "static struct x y = {", ""])
def test_no_function(header: str) -> None:
    text = f"--- a/fs/x.c\n+++ b/fs/x.c\n@@ -1,3 +1,3 @@ {header}\n a\n-b\n+c\n d\n"
    assert touched([text]).files["fs/x.c"].functions == frozenset()


def test_a_real_patch() -> None:
    change = touched([path.read_text() for path in sorted(PATCHES.glob("0001*"))])
    functions = change.files["arch/x86/kvm/mmu/tdp_mmu.c"].functions
    assert {"kvm_mmu_uninit_tdp_mmu", "kvm_tdp_mmu_put_root"} <= functions


def test_no_patch() -> None:
    with pytest.raises(PatchError):
        touched(["--- a/x\n+++ b/x\n@@ -1,9 +1,9 @@\n cut"])
