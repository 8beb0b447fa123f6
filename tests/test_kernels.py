"""The shipped kernels, for real, in the cache they are used from."""

import pytest

from rig import plan
from rig.kernel import recipe, source
from rig.kernel.build import build
from rig.model import BuildFailure, Kernel, Source
from rig.progress import Silent

pytestmark = pytest.mark.boot
MMU = "arch/x86/kvm/mmu/tdp_mmu.c"


async def built(name: str) -> Kernel | BuildFailure:
    return await build(recipe.resolve(name), plan.profile("sanitize"), Silent())


@pytest.mark.parametrize("name", recipe.names())
async def test_every_recipe_has_a_source_and_its_patches_apply(name: str) -> None:
    found = recipe.resolve(name)
    assert found.source
    assert (await source.find(found.source, found.patches, Silent())).id


async def test_base_undone_and_patched_is_the_untouched_kernel() -> None:
    patched = recipe.resolve("patched")
    untouched = await source.find(Source(kind="debian", location="linux-source-6.1"), (), Silent())
    assert patched.source
    assert (await source.find(patched.source, patched.patches, Silent())).id == untouched.id


async def test_base_and_patched_differ_in_nothing_but_the_patch() -> None:
    base, patched = await built("base"), await built("patched")
    assert isinstance(base, Kernel)
    assert isinstance(patched, Kernel)
    assert base.tree != patched.tree
    assert base.digest != patched.digest
    assert base.bzimage.read_bytes() != patched.bzimage.read_bytes()
    assert (base.config_digest, base.compiler, base.release) == (
        patched.config_digest,
        patched.compiler,
        patched.release,
    )
    assert base.warnings == patched.warnings == ()


async def test_a_new_warning_is_seen() -> None:
    kernel = await built("b04-adds-a-warning")
    assert isinstance(kernel, Kernel)
    (warning,) = kernel.warnings
    assert (warning.file, warning.flag) == (MMU, "-Wunused-variable")
    assert warning.function == "kvm_tdp_mmu_invalidate_all_roots"


async def test_a_kernel_that_does_not_compile_says_where() -> None:
    failure = await built("b01-does-not-compile")
    assert isinstance(failure, BuildFailure)
    assert failure.errors[0].startswith(f"{MMU}:")
    assert " error: " in failure.errors[0]
