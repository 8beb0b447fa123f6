import asyncio
import signal
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from rig import cache, proc
from rig.errors import BuildError, HostError, InputError
from rig.kernel import disk
from rig.kernel.build import build
from rig.model import BuildFailure, Kernel, Profile, Recipe, Source
from rig.progress import Silent
from tests.kernel.miniature import BROKEN, WARNING

HARMLESS = WARNING.replace("\tint unused;", "\t/* nothing */")

BESIDE = """--- a/beside.c
+++ b/beside.c
@@ -1,2 +1,3 @@
 int beside(void);
+/* more */
 int beside(void)
"""


def recipe_of(directory: Path, *patches: Path, kconfig: tuple[str, ...] = ()) -> Recipe:
    name = "+".join(("tiny", *(patch.stem for patch in patches)))
    source = Source(kind="tree", location=str(directory))
    return Recipe(name=name, source=source, patches=patches, kconfig=kconfig)


async def built(recipe: Recipe, profile: Profile) -> Kernel:
    kernel = await build(recipe, profile, Silent())
    assert isinstance(kernel, Kernel)
    return kernel


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def compiled(kernel: Kernel) -> set[str]:
    assert kernel.log
    return {line.split()[1] for line in kernel.log.read_text().splitlines() if line.startswith("  CC ")}


async def test_a_kernel_is_all_of_its_parts(tiny: Path, profile: Profile) -> None:
    kernel = await built(recipe_of(tiny), profile)
    assert kernel.release == "6.1.0-tiny"
    assert kernel.bzimage == cache.kernels() / kernel.digest / "bzImage"
    assert kernel.vmlinux
    assert kernel.vmlinux.stat().st_size
    assert kernel.config
    assert "CONFIG_KASAN=y" in kernel.config.read_text()
    assert compiled(kernel) == {"main.o", "beside.o"}


async def test_a_kernel_once_built_is_found_without_lock_or_tree(tiny: Path, profile: Profile) -> None:
    first = await built(recipe_of(tiny), profile)
    (home,) = cache.sources().iterdir()
    async with cache.locked(home / "lock", Silent()), asyncio.timeout(10):
        again = await built(replace(recipe_of(tiny), name="other"), profile)
    assert again == replace(first, name="other")


async def test_the_second_kernel_compiles_what_its_patch_touches(tiny: Path, profile: Profile, patch: Path) -> None:
    await built(recipe_of(tiny), profile)
    assert compiled(await built(recipe_of(tiny, patch), profile)) == {"main.o"}


async def test_the_same_source_gives_the_same_bits_again(tiny: Path, profile: Profile, patch: Path) -> None:
    first = await built(recipe_of(tiny, patch), profile)
    bits = first.bzimage.read_bytes()
    first.bzimage.parent.rename(first.bzimage.parent.with_name("away"))
    await built(recipe_of(tiny), profile)
    second = await built(recipe_of(tiny, patch), profile)
    assert second.digest == first.digest
    assert second.bzimage.read_bytes() == bits


@pytest.mark.parametrize("change", ["kconfig", "fragment", "patch"])
async def test_the_digest_knows_what_a_kernel_is_made_of(
    tiny: Path, profile: Profile, tmp_path: Path, change: str
) -> None:
    first = await built(recipe_of(tiny), profile)
    other = recipe_of(tiny, kconfig=("CONFIG_TINY=m",) if change == "kconfig" else ())
    if change == "fragment":
        profile.fragments[0].write_text("CONFIG_KASAN=m\n")
    if change == "patch":
        other = recipe_of(tiny, write(tmp_path / "p.patch", HARMLESS))
    assert (await built(other, profile)).digest != first.digest


async def test_warnings_are_complete_though_nothing_is_compiled_anew(
    tiny: Path, profile: Profile, patch: Path, tmp_path: Path
) -> None:
    (warning,) = (await built(recipe_of(tiny, patch), profile)).warnings
    assert (warning.file, warning.function, warning.flag) == ("main.c", "first", "-Wunused-variable")
    beside = write(tmp_path / "beside.patch", BESIDE)
    other = await built(recipe_of(tiny, patch, beside), profile)
    assert other.warnings == (warning,)


async def test_warnings_go_with_the_code_that_made_them(tiny: Path, profile: Profile, patch: Path) -> None:
    await built(recipe_of(tiny, patch), profile)
    assert (await built(recipe_of(tiny), profile)).warnings == ()


async def test_a_kernel_that_does_not_compile_is_data(tiny: Path, profile: Profile, tmp_path: Path) -> None:
    failure = await build(recipe_of(tiny, write(tmp_path / "bad.patch", BROKEN)), profile, Silent())
    assert isinstance(failure, BuildFailure)
    assert failure.errors[0].startswith("main.c:6:9: error: ‘nonsense’ undeclared")
    assert "nonsense" in failure.log.read_text()
    assert not cache.kernels().exists()
    assert (await built(recipe_of(tiny), profile)).warnings == ()


async def test_a_dropped_symbol_is_named_with_its_origin_and_the_reason(tiny: Path, profile: Profile) -> None:
    with profile.fragments[0].open("a") as fragment:
        fragment.write("CONFIG_NEEDS_MORE=y\n")
    with pytest.raises(BuildError) as caught:
        await build(recipe_of(tiny), profile, Silent())
    assert str(caught.value) == (
        f"{profile.fragments[0]}:3: CONFIG_NEEDS_MORE=y came out as n: "
        "depends on MORE && KASAN (MORE is n, KASAN is y) in Kconfig"
    )


async def test_a_dropped_symbol_of_a_recipe_names_the_recipe(tiny: Path, profile: Profile) -> None:
    with pytest.raises(BuildError, match="recipe tiny, kconfig:1: CONFIG_NEEDS_MORE=y"):
        await build(recipe_of(tiny, kconfig=("CONFIG_NEEDS_MORE=y",)), profile, Silent())


async def test_a_line_that_is_no_kconfig_is_refused(tiny: Path, profile: Profile) -> None:
    with pytest.raises(InputError, match="'KASAN=y'"):
        await build(recipe_of(tiny, kconfig=("KASAN=y",)), profile, Silent())


async def test_the_configuration_is_made_anew_only_when_something_changed(
    tiny: Path, profile: Profile, tmp_path: Path
) -> None:
    (home_of := cache.sources()).mkdir(parents=True)
    await built(recipe_of(tiny), profile)
    (config,) = home_of.glob("*/build-check/.config")
    before = config.stat().st_mtime_ns
    await built(recipe_of(tiny, write(tmp_path / "p.patch", HARMLESS)), profile)
    assert config.stat().st_mtime_ns == before
    kconfig = "--- a/Kconfig\n+++ b/Kconfig\n@@ -1,2 +1,3 @@\n \n+# more\n config KASAN\n"
    await built(recipe_of(tiny, write(tmp_path / "k.patch", kconfig)), profile)
    assert config.stat().st_mtime_ns > before


async def test_a_configuration_that_a_build_has_changed_is_made_anew(
    tiny: Path, profile: Profile, tmp_path: Path
) -> None:
    text = (tiny / "Kbuild").read_text()
    (tiny / "Kbuild").write_text(text.replace(">@ld -r", ">@echo CONFIG_KASAN=n > .config\n>@ld -r"))
    await built(recipe_of(tiny), profile)
    (config,) = cache.sources().glob("*/build-check/.config")
    assert config.read_text() == "CONFIG_KASAN=n\n"
    mended = "--- a/Kbuild\n+++ b/Kbuild\n@@ -11,5 +11,4 @@\n vmlinux: $(objs)\n >@echo '  LD      $@'\n" + (
        "->@echo CONFIG_KASAN=n > .config\n >@ld -r -o $@ $^\n arch/x86/boot/bzImage: vmlinux\n"
    )
    kernel = await built(recipe_of(tiny, write(tmp_path / "mended.patch", mended)), profile)
    assert kernel.config
    assert "CONFIG_KASAN=y" in kernel.config.read_text()


async def test_a_ready_kernel_is_taken_as_it_is(tiny: Path, profile: Profile) -> None:
    made = await built(recipe_of(tiny), profile)
    ready = await built(Recipe(name="mine", bzimage=made.bzimage), profile)
    assert (ready.name, ready.release, ready.bzimage) == ("mine", made.release, made.bzimage)


async def test_a_file_that_is_no_kernel_is_refused(tiny: Path, profile: Profile) -> None:
    with pytest.raises(InputError, match="not a bzImage"):
        await build(Recipe(name="mine", bzimage=tiny / "main.c"), profile, Silent())


async def test_too_little_disk_is_said_before_the_work(
    tiny: Path, profile: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rig.kernel.build.FIRST_BUILD", 1e9)
    with pytest.raises(HostError) as caught:
        await build(recipe_of(tiny), profile, Silent())
    assert "rig gc" in caught.value.hint


def test_a_disk_that_fills_up_is_a_fault_of_the_host() -> None:
    with pytest.raises(HostError, match="no space left"), disk.watched():
        raise OSError(28, "No space left on device", "/cache/x")
    with pytest.raises(FileNotFoundError), disk.watched():
        raise FileNotFoundError("/cache/x")


async def test_a_compiler_that_ran_out_of_disk_is_not_the_kernels_fault(tiny: Path, profile: Profile) -> None:
    (tiny / "Kbuild").write_text(
        (tiny / "Kbuild").read_text().replace("@ld -r", "@echo No space left on device; false")
    )
    with pytest.raises(HostError, match="no space left"):
        await build(recipe_of(tiny), profile, Silent())
    assert not cache.kernels().exists()


async def test_two_at_once_build_once(tiny: Path, profile: Profile, patch: Path) -> None:
    recipes = [recipe_of(tiny), recipe_of(tiny), recipe_of(tiny, patch)]
    first, second, third = await asyncio.gather(*(built(recipe, profile) for recipe in recipes))
    assert first == second
    assert third.digest != first.digest
    assert len(third.warnings) == 1


# ---- interruptions


RIG = """
import asyncio
from pathlib import Path
from rig.kernel.build import build
from rig.model import Profile, Recipe, Source
from rig.progress import Silent
profile = Profile(name="check", description="", fragments=(Path({fragment!r}),), cmdline=(), detectors=())
recipe = Recipe(name="tiny", source=Source(kind="tree", location={tree!r}))
asyncio.run(build(recipe, profile, Silent()))
"""


async def linking() -> Path:
    """Wait until a build is in the middle of linking; returns its directory."""
    async with asyncio.timeout(20):
        while not (found := list(cache.sources().glob("*/build-check/half-linked"))):
            await asyncio.sleep(0.01)
    return found[0].parent


@pytest.fixture
def slow(tiny: Path) -> Path:
    """Return the kernel with a linker that first writes half of its file, then takes its time."""
    text = (tiny / "Kbuild").read_text()
    half = "@echo half > $@\n>@touch half-linked\n>@sleep $(file < $(srctree)/pause)\n>@ld -r"
    (tiny / "Kbuild").write_text(text.replace("@ld -r", half))
    (tiny / "pause").write_text("30")
    return tiny


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
async def test_after_a_rig_was_killed_the_next_one_builds_the_same(
    slow: Path, profile: Profile, number: signal.Signals
) -> None:
    script = RIG.format(fragment=str(profile.fragments[0]), tree=str(slow))
    rig = await asyncio.create_subprocess_exec(sys.executable, "-c", script)
    await linking()
    rig.send_signal(number)
    await rig.wait()
    assert not cache.kernels().exists()
    (slow / "pause").write_text("0")
    kernel = await built(recipe_of(slow), profile)
    assert kernel.vmlinux
    assert kernel.vmlinux.read_bytes()[:4] == b"\x7fELF"


async def test_a_cancelled_build_leaves_no_artifact_and_no_make(slow: Path, profile: Profile) -> None:
    task = asyncio.create_task(build(recipe_of(slow), profile, Silent()))
    directory = await linking()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await proc.run(("flock", "--nonblock", f"{directory}.lock", "true"))
    assert not cache.kernels().exists()


async def test_what_an_outright_kill_left_half_written_is_made_again(tiny: Path, profile: Profile, patch: Path) -> None:
    await built(recipe_of(tiny), profile)
    (tree,) = cache.sources().glob("*/build-check")
    tree.with_name("build-check.running").touch()
    (tree / "main.o").write_text("half")
    tree.with_name("build-check.log").write_text("  CC      beside.o\n")
    beside = write(patch.with_name("b.patch"), BESIDE)
    assert compiled(await built(recipe_of(tiny, beside), profile)) == {"main.o", "beside.o"}
