"""Selftests of a kernel in miniature."""

from pathlib import Path

import pytest

from rig import cache, proc
from rig.kernel import selftests, source
from rig.model import Kernel, Selftests, Source
from rig.progress import Silent
from tests import values

KVM = "tools/testing/selftests/kvm"
MAKEFILE = r"""
.RECIPEPREFIX = >
names := good_test bad_test x86_64/deep_test
all: $(addprefix $(OUTPUT)/,$(names))
$(OUTPUT)/%: %.c
>@mkdir -p $(@D)
>gcc $(EXTRA_CFLAGS) -I../../../../usr/include -Iinclude $(LDFLAGS) -o $@ $<
emit_tests:
>@for name in $(names) wrapper.sh; do echo "$(COLLECTION):$$(basename $$name)"; done
"""
GOOD = "#include <made.h>\nint main(void)\n{\n\treturn MADE;\n}\n"
FILES = {
    "Makefile": ".RECIPEPREFIX = >\nheaders:\n>echo '#define MADE 3' > usr/include/made.h\n",
    "Kconfig": "",
    "Kbuild": "",
    "usr/include/Makefile": "",
    "tools/include/linux/stddef.h": "",
    "arch/x86/kvm/mmu.c": "",
    f"{KVM}/Makefile": MAKEFILE,
    f"{KVM}/good_test.c": GOOD,
    f"{KVM}/bad_test.c": "int main(void) { return nonsense; }\n",
    f"{KVM}/x86_64/deep_test.c": GOOD,
    f"{KVM}/wrapper.sh": "",
}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Return a kernel's tree."""
    directory = tmp_path / "tree"
    for name, text in FILES.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(text)
    return directory


async def built(tree: Path) -> Selftests:
    found = await source.find(Source(kind="tree", location=str(tree)), (), Silent())
    suite = await selftests.build(values.kernel(tree=found.id), Silent())
    assert suite
    return suite


async def test_what_compiles_is_kept_and_what_does_not_is_said(tree: Path) -> None:
    suite = await built(tree)
    assert (suite.names, suite.scripts) == (("good_test", "deep_test"), ("wrapper.sh",))
    ((name, why),) = suite.broken
    assert name == "bad_test"
    assert "does not compile: bad_test.c:1" in why
    assert "nonsense" in why
    assert "INTERP" not in (await proc.run(("readelf", "-l", suite.directory / "good_test"))).output


async def test_a_kernel_that_differs_elsewhere_shares_them(tree: Path) -> None:
    before = await built(tree)
    (tree / "arch/x86/kvm/mmu.c").write_text("int changed;\n")
    assert await built(tree) == before


async def test_a_test_that_changes_is_built_again(tree: Path) -> None:
    before = await built(tree)
    (tree / KVM / "bad_test.c").write_text(GOOD)
    after = await built(tree)
    assert after.directory != before.directory
    assert "bad_test" in after.names
    assert after.broken == ()


async def test_the_tree_is_left_alone(tree: Path) -> None:
    before = sorted(tree.rglob("*"))
    await built(tree)
    assert sorted(tree.rglob("*")) == before
    assert not list(cache.sources().glob("*/tree"))


async def test_a_library_that_does_not_compile_is_what_is_wrong_with_every_test(tree: Path) -> None:
    (tree / "Makefile").write_text("headers:\n\techo include/uapi/linux/kvm.h: error: odd; false\n")
    suite = await built(tree)
    assert suite.names == ()
    assert {name for name, _ in suite.broken} == {"good_test", "bad_test", "deep_test"}


async def test_a_tree_without_them_says_what_make_says(tree: Path) -> None:
    for path in (tree / KVM).rglob("*"):
        if path.is_file():
            path.unlink()
    (tree / KVM / "README").write_text("")
    suite = await built(tree)
    ((name, why),) = suite.broken
    assert (name, suite.names) == ("all", ())
    assert "***" in why


@pytest.mark.parametrize("tree_id", ["", "0" * 40])
async def test_a_kernel_without_a_tree_has_none(tree_id: str) -> None:
    kernel: Kernel = values.kernel(tree=tree_id)
    assert await selftests.build(kernel, Silent()) is None
