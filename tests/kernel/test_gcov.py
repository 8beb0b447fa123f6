from dataclasses import replace
from pathlib import Path

import pytest

from rig import proc
from rig.errors import InputError
from rig.kernel import gcov
from rig.kernel.build import build, build_counting
from rig.model import BuildFailure, Gcov, Kernel, Profile, Recipe, Source
from rig.progress import Silent
from tests.kernel.miniature import BROKEN, KBUILD

NOBODY: frozenset[str] = frozenset()


def recipe_of(directory: Path, *patches: Path) -> Recipe:
    return Recipe(name="tiny", source=Source(kind="tree", location=str(directory)), patches=patches)


async def counting(recipe: Recipe, profile: Profile, *files: str) -> tuple[Kernel, Gcov]:
    touched = dict.fromkeys(files, NOBODY)
    kernel = await build_counting(recipe, profile, touched, Silent())
    assert isinstance(kernel, Kernel)
    assert kernel.gcov
    return kernel, kernel.gcov


def noted(found: Gcov) -> list[str]:
    return sorted(str(path.relative_to(found.notes)) for path in found.notes.rglob("*.gcno"))


@pytest.fixture
def headers(tiny: Path) -> Path:
    """A kernel whose sources share headers, one of them used by one source alone."""
    for name in ("common.h", "special.h"):
        (tiny / name).write_text(f"static inline int in_{name[0]}(void)\n{{\n\treturn 1;\n}}\n")
    beside = '#include "common.h"\n#include "special.h"\nint beside(void);\nint beside(void)\n{\n\treturn in_s();\n}\n'
    (tiny / "beside.c").write_text(beside)
    (tiny / "main.c").write_text('#include "common.h"\n' + (tiny / "main.c").read_text())
    return tiny


async def test_only_what_is_touched_counts(tiny: Path, profile: Profile) -> None:
    kernel, found = await counting(recipe_of(tiny), profile, "main.c")
    assert noted(found) == ["main.gcno"]
    assert found.unmeasured == ()
    assert found.notes.is_relative_to(kernel.bzimage.parent)


async def test_an_ordinary_kernel_of_the_same_source_is_another(tiny: Path, profile: Profile) -> None:
    plain = await build(recipe_of(tiny), profile, Silent())
    assert isinstance(plain, Kernel)
    kernel, _ = await counting(recipe_of(tiny), profile, "main.c")
    other, _ = await counting(recipe_of(tiny), profile, "beside.c")
    assert plain.gcov is None
    assert len({plain.digest, kernel.digest, other.digest}) == 3


async def test_it_is_built_once(tiny: Path, profile: Profile) -> None:
    first, _ = await counting(recipe_of(tiny), profile, "main.c")
    before = (first.bzimage.parent / "kernel.json").stat().st_mtime_ns
    again, _ = await counting(recipe_of(tiny), profile, "main.c")
    assert again == first
    assert (again.bzimage.parent / "kernel.json").stat().st_mtime_ns == before


@pytest.mark.parametrize(
    ("header", "notes"), [("special.h", ["beside.gcno"]), ("common.h", ["beside.gcno", "main.gcno"])]
)
async def test_a_header_is_counted_where_it_is_included(
    headers: Path, profile: Profile, header: str, notes: list[str]
) -> None:
    await build(recipe_of(headers), profile, Silent())
    _, found = await counting(recipe_of(headers), profile, header)
    assert noted(found) == notes


async def test_those_that_use_what_changes_in_a_header_come_first(
    headers: Path, profile: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gcov, "MOST_FOR_HEADERS", 1)
    main = headers / "main.c"
    main.write_text(main.read_text().replace("return 1;", "return in_c();"))
    await build(recipe_of(headers), profile, Silent())
    kernel = await build_counting(recipe_of(headers), profile, {"common.h": frozenset({"in_c"})}, Silent())
    assert isinstance(kernel, Kernel)
    assert kernel.gcov
    assert noted(kernel.gcov) == ["main.gcno"]


async def test_what_is_not_measured_is_told_with_the_reason(tiny: Path, profile: Profile) -> None:
    kbuild = KBUILD.replace("counts = $(if ", "counts = $(if $(filter-out beside.o,$@),$(if ").replace(
        "$(CFLAGS_GCOV))", "$(CFLAGS_GCOV)))"
    )
    (tiny / "Kbuild").write_text(kbuild)
    files = ("Makefile", "beside.c", "drivers/x.c", "entry.S", "lonely.h", "main.c")
    _, found = await counting(recipe_of(tiny), profile, *files)
    assert noted(found) == ["main.gcno"]
    assert dict(found.unmeasured) == {
        "Makefile": "no C source",
        "beside.c": "its Makefile keeps it out of gcov",
        "drivers/x.c": "not built with this configuration",
        "entry.S": "assembly: gcov counts C only",
        "lonely.h": "nothing that is built with this configuration includes it",
    }


async def test_a_build_tree_is_shared_only_where_switching_costs_little(tiny: Path, profile: Profile) -> None:
    await build(recipe_of(tiny), profile, Silent())
    config = next((tiny.parent / "xdg_cache_home").glob("rig/sources/*/build-check/.config"))
    await counting(recipe_of(tiny), profile, "main.c")
    assert config.parent.with_name("build-check-coverage").exists()
    config.write_text(config.read_text() + "CONFIG_CONSTRUCTORS=y\n")
    kernel, _ = await counting(recipe_of(tiny), profile, "beside.c")
    assert kernel.log
    assert config.parent.with_name("build-check.log").read_bytes() == kernel.log.read_bytes()


async def test_one_that_does_not_compile_is_data(tiny: Path, profile: Profile, tmp_path: Path) -> None:
    patch = tmp_path / "bad.patch"
    patch.write_text(BROKEN)
    failure = await build_counting(recipe_of(tiny, patch), profile, {"main.c": NOBODY}, Silent())
    assert isinstance(failure, BuildFailure)


async def test_a_ready_kernel_can_not_be_made_to_count(profile: Profile, tmp_path: Path) -> None:
    ready = replace(recipe_of(tmp_path), source=None, bzimage=tmp_path / "bzImage")
    with pytest.raises(InputError, match="can't be made to count"):
        await build_counting(ready, profile, {"main.c": NOBODY}, Silent())


async def test_what_a_build_leaves_lying_about_is_no_object(headers: Path, profile: Profile) -> None:
    await build(recipe_of(headers), profile, Silent())
    (tree,) = (headers.parent / "xdg_cache_home").glob("rig/sources/*/build-check")
    secret = headers.parent / "secret"
    secret.write_text(" /src/special.h \n")
    (tree / ".link.o.cmd").symlink_to(secret)
    (tree / ".$(shell touch pwned).o.cmd").write_text(" /src/special.h \n")
    _, found = await counting(recipe_of(headers), profile, "special.h")
    assert noted(found) == ["beside.gcno"]
    assert not list(headers.parent.rglob("pwned"))


# ---- what make makes of the variables

OBJTOOL = "objtool-args = $(objtool-args-y)\t\t\t\\\n\t$(if $(delay-objtool), --link)\n"
MAKEFILE = """\
objtool-args-y = --uaccess --no-unreachable
vmlinux-objtool-args-y = --noinstr --no-unreachable
objtool-args = $(objtool-args-y)
all: a/x.o b/x.o a/../b/y.o vmlinux.o
%.o:
\t@echo $@ $(GCOV_PROFILE)$(CONFIG_GCOV_PROFILE_ALL) $(strip $(objtool-args))
"""


async def made(tmp_path: Path, objects: tuple[str, ...], *makefiles: str) -> list[str]:
    (tmp_path / "Makefile").write_text(MAKEFILE)
    variables = gcov.variables(objects, gcov.FLAGS, *makefiles)
    done = await proc.run(("make", "-rs", "-C", tmp_path, *variables))
    return done.output.splitlines()


async def test_each_object_is_named_by_its_whole_path(tmp_path: Path) -> None:
    said = await made(tmp_path, ("b/x.o", "b/y.o"))
    assert [line.split()[:2] for line in said[:3]] == [["a/x.o", "--uaccess"], ["b/x.o", "y"], ["a/../b/y.o", "y"]]


async def test_objtool_goes_easy_on_those_that_count_alone(tmp_path: Path) -> None:
    said = await made(tmp_path, ("b/x.o",), OBJTOOL, "objtool-args = $(vmlinux-objtool-args-y) --link\n")
    assert said == [
        "a/x.o --uaccess",
        "b/x.o y --uaccess --no-unreachable",
        "a/../b/y.o --uaccess",
        "vmlinux.o --noinstr --no-unreachable --link",
    ]


def test_of_another_kbuild_objtool_is_left_alone() -> None:
    assert not any(
        each.startswith("objtool") for each in gcov.variables(("a.o",), gcov.FLAGS, "objtool_args = x\n", "")
    )
