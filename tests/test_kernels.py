"""The shipped kernels, for real, in the cache they are used from."""

from pathlib import Path

import pytest

from rig import plan
from rig.kernel import recipe, source
from rig.kernel.build import build
from rig.kernel.extrawarn import NOT_BUILT, extra_warnings
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


ONLY_W1 = """--- a/arch/x86/kvm/mmu/tdp_mmu.c
+++ b/arch/x86/kvm/mmu/tdp_mmu.c
@@ -988,6 +988,9 @@ void kvm_tdp_mmu_zap_invalidated_roots(struct kvm *kvm)
 void kvm_tdp_mmu_invalidate_all_roots(struct kvm *kvm)
 {
 \tstruct kvm_mmu_page *root;
+\tint invalidated;
+
+\tinvalidated = 1;
\x20
 \t/*
 \t * mmu_lock must be held for write to ensure that a root doesn't become
"""
FILES = (MMU, "arch/x86/kvm/mmu/tdp_mmu.h", "virt/kvm/kvm_main.c", "arch/x86/kvm/xen.c")


async def test_a_warning_that_only_w1_gives_is_seen_and_no_other_is_new(tmp_path: Path) -> None:
    (tmp_path / "w1.patch").write_text(ONLY_W1)
    sanitize = plan.profile("sanitize")
    recipes = recipe.resolve("patched"), recipe.resolve(f"patched+{tmp_path}/w1.patch")
    kernels = [await build(each, sanitize, Silent()) for each in recipes]
    assert [kernel.warnings for kernel in kernels if isinstance(kernel, Kernel)] == [(), ()]
    before, after = [await extra_warnings(each, sanitize, FILES, Silent()) for each in recipes]
    assert before.not_built == after.not_built == (("arch/x86/kvm/xen.c", NOT_BUILT),)
    assert before.warnings  # W=1 has always something to say of these
    seen = {(each.file, each.function, each.flag, each.text) for each in before.warnings}
    (warning,) = [each for each in after.warnings if (each.file, each.function, each.flag, each.text) not in seen]
    assert (warning.file, warning.flag) == (MMU, "-Wunused-but-set-variable")


async def test_a_kernel_that_does_not_compile_says_where() -> None:
    failure = await built("b01-does-not-compile")
    assert isinstance(failure, BuildFailure)
    assert failure.errors[0].startswith(f"{MMU}:")
    assert " error: " in failure.errors[0]
