"""What only `make W=1` says of a kernel in miniature."""

import dataclasses
from pathlib import Path

import pytest

from rig import cache
from rig.kernel import extrawarn
from rig.kernel.build import build
from rig.kernel.extrawarn import ExtraWarnings, extra_warnings
from rig.model import Kernel, Profile, Recipe, Source
from rig.progress import Silent
from tests.heard import Heard
from tests.kernel.miniature import KBUILD

# As kbuild does: a command for each object, with what it includes, and more warnings with W=1.
COMPILE = r"""
>@$(CC) -Wall $(if $(W),-Wextra) -MD -MF .$@.d -c -o $@ $<
>@{ echo 'cmd_$@ := $(CC) $<'; sed 's/^[^ ]*://; s/$$/ /' .$@.d; } > .$@.cmd
"""
SILENT = "int {name}(int unused);\nint {name}(int unused)\n{{\n\treturn 1;\n}}\n"  # but for -Wextra


@pytest.fixture(autouse=True)
def _like_kbuild(tiny: Path) -> None:
    lines = KBUILD.splitlines(keepends=True)
    first = lines.index(">@$(CC) -Wall $(counts) -c -o $@ $<\n")
    (tiny / "Kbuild").write_text("".join((*lines[:first], COMPILE.lstrip(), *lines[first + 2 :])))
    (tiny / "silent.c").write_text('#include "shared.h"\n' + SILENT.format(name="silent"))
    (tiny / "shared.h").write_text("int shared;\n")
    (tiny / "alone.h").write_text("int alone;\n")
    (tiny / "deep").mkdir()
    (tiny / "deep/elsewhere.c").write_text(SILENT.format(name="elsewhere"))


@pytest.fixture
def recipe(tiny: Path) -> Recipe:
    return Recipe(name="tiny", source=Source(kind="tree", location=str(tiny)))


async def built(recipe: Recipe, profile: Profile) -> Kernel:
    kernel = await build(recipe, profile, Silent())
    assert isinstance(kernel, Kernel)
    return kernel


async def said(recipe: Recipe, profile: Profile, *files: str) -> ExtraWarnings:
    return await extra_warnings(recipe, profile, files, Silent())


async def test_what_a_normal_build_does_not_say_is_seen(recipe: Recipe, profile: Profile) -> None:
    assert (await built(recipe, profile)).warnings == ()
    found = await said(recipe, profile, "silent.c", "main.c")
    (warning,) = found.warnings
    assert (warning.file, warning.function, warning.flag) == ("silent.c", "silent", "-Wunused-parameter")
    assert found.not_built == ()


async def test_only_the_files_asked_for_are_made(recipe: Recipe, profile: Profile) -> None:
    await built(recipe, profile)
    await said(recipe, profile, "main.c")
    (tree,) = cache.sources().glob("*/build-check-w1")
    assert {path.name for path in tree.glob("*.o")} == {"main.o"}


async def test_the_normal_build_is_left_as_it_was(recipe: Recipe, profile: Profile) -> None:
    await built(recipe, profile)
    (tree,) = cache.sources().glob("*/build-check")
    states = {path: path.stat() for path in tree.rglob("*")}
    log = tree.with_name("build-check.log").read_text()
    await said(recipe, profile, "silent.c")
    assert {path: path.stat() for path in tree.rglob("*") if path in states}.keys() == states.keys()
    assert all(path.stat().st_mtime_ns == state.st_mtime_ns for path, state in states.items())
    assert tree.with_name("build-check.log").read_text() == log


async def test_asked_again_it_is_remembered_for_that_kernel_and_those_files(recipe: Recipe, profile: Profile) -> None:
    await built(recipe, profile)
    first = await said(recipe, profile, "silent.c", "main.c")
    (home,) = cache.sources().iterdir()
    async with cache.locked(home / "lock", Silent()):
        assert await said(recipe, profile, "main.c", "silent.c") == first
    assert (await said(recipe, profile, "main.c")).warnings == ()


async def test_each_time_all_is_said_though_objects_are_there(recipe: Recipe, profile: Profile, tiny: Path) -> None:
    await built(recipe, profile)
    (warning,) = (await said(recipe, profile, "silent.c")).warnings
    await said(recipe, profile, "main.c")  # its log says nothing of the other
    assert (await said(recipe, profile, "silent.c", "beside.c")).warnings == (warning,)


async def test_a_header_is_seen_through_what_includes_it(recipe: Recipe, profile: Profile, tiny: Path) -> None:
    (tiny / "shared.h").write_text("static inline int shared(int unused) { return 1; }\n")
    await built(recipe, profile)
    found = await said(recipe, profile, "shared.h")
    assert {warning.file for warning in found.warnings} == {"shared.h", "silent.c"}


async def test_a_few_of_many_includers_will_do(recipe: Recipe, profile: Profile, tiny: Path) -> None:
    for number in range(6):
        (tiny / f"more{number}.c").write_text('#include "common.h"\n' + SILENT.format(name=f"more{number}"))
    (tiny / "common.h").write_text("extern int common;\n")
    await built(recipe, profile)
    assert len((await said(recipe, profile, "common.h")).warnings) == extrawarn.MOST_INCLUDERS


async def test_what_is_not_built_is_named_with_the_reason(recipe: Recipe, profile: Profile) -> None:
    await built(recipe, profile)
    found = await said(recipe, profile, "deep/elsewhere.c", "alone.h", "Kconfig", "entry.S", "gone.c")
    assert found == ExtraWarnings(
        warnings=(), not_built=(("alone.h", extrawarn.NOT_INCLUDED), ("deep/elsewhere.c", extrawarn.NOT_BUILT))
    )


async def test_a_file_that_does_not_compile_with_it_leaves_the_others(
    recipe: Recipe, profile: Profile, tiny: Path
) -> None:
    makefile = (tiny / "Kbuild").read_text()
    (tiny / "Kbuild").write_text(makefile.replace("-Wextra)", "-Wextra $(if $(filter main.o,$@),-Werror=odd))"))
    await built(recipe, profile)
    found = await said(recipe, profile, "silent.c", "main.c")
    assert len(found.warnings) == 1
    ((name, why),) = found.not_built
    assert name == "main.c"
    assert "-Werror=odd" in why


async def test_a_name_in_a_command_that_is_not_its_objects_is_not_made(recipe: Recipe, profile: Profile) -> None:
    await built(recipe, profile)
    (tree,) = cache.sources().glob("*/build-check")
    (tree / ".main.o.cmd").write_text("cmd_--eval=$(error)/main.o := gcc\n")
    assert (await said(recipe, profile, "main.c")).not_built == (("main.c", extrawarn.NOT_BUILT),)


async def test_it_says_what_it_does(recipe: Recipe, profile: Profile) -> None:
    await built(recipe, profile)
    heard = Heard()
    await extra_warnings(recipe, dataclasses.replace(profile), ("main.c",), heard)
    assert any("W=1" in str(event) for event in heard.events)
