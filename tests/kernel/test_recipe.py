from pathlib import Path

import pytest

from rig.errors import InputError
from rig.kernel import recipe
from rig.model import Recipe, Source


@pytest.fixture(autouse=True)
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Ship three recipes and a patch, and stand outside any kernel tree."""
    directory = tmp_path / "project" / "kernels"
    (directory / "known-bad").mkdir(parents=True)
    (directory / "fix.patch").write_text("x")
    (directory / "base.yaml").write_text("source: {debian: linux-source-6.1}\nprofiles: [sanitize]\n")
    (directory / "patched.yaml").write_text("extends: base\npatches: [fix.patch]\nkconfig: [CONFIG_A=y]\n")
    (directory / "known-bad" / "m01.yaml").write_text("extends: patched\npatches: [../fix.patch]\n")
    monkeypatch.setenv("RIG_PROJECT", str(tmp_path / "project"))
    monkeypatch.chdir(tmp_path)
    return directory


def write(path: Path, text: str) -> str:
    path.write_text(text)
    return str(path)


def refused(text: str, base: Recipe | None = None) -> tuple[str, str]:
    with pytest.raises(InputError) as caught:
        recipe.resolve(text, base=base)
    return str(caught.value), caught.value.hint


def test_names_are_those_of_the_files() -> None:
    assert recipe.names() == ("base", "m01", "patched")


def test_a_recipe_has_what_it_extends_first(shipped: Path) -> None:
    assert recipe.resolve("m01") == Recipe(
        name="m01",
        source=Source(kind="debian", location="linux-source-6.1"),
        patches=(shipped / "fix.patch", shipped / "fix.patch"),
        kconfig=("CONFIG_A=y",),
        profiles=("sanitize",),
    )


def test_a_path_to_a_recipe_is_read_relative_to_itself(tmp_path: Path) -> None:
    (tmp_path / "own.patch").write_text("x")
    path = write(tmp_path / "own.yaml", "source: {git: linux, rev: v6.1}\npatches: [own.patch]\n")
    found = recipe.resolve(path)
    assert found.source == Source(kind="git", location=str(tmp_path / "linux"), rev="v6.1")
    assert found.patches == (tmp_path / "own.patch",)


def test_a_recipe_elsewhere_may_extend_a_shipped_one(tmp_path: Path) -> None:
    path = write(tmp_path / "own.yaml", "extends: patched\n")
    assert recipe.resolve(path).patches == recipe.resolve("patched").patches


@pytest.mark.parametrize("address", ["https://git.example.org/linux.git", "git@example.org:linux.git"])
def test_an_address_is_no_path(tmp_path: Path, address: str) -> None:
    found = recipe.resolve(write(tmp_path / "own.yaml", f"source: {{git: '{address}', rev: v6.1}}\n"))
    assert found.source == Source(kind="git", location=address, rev="v6.1")


@pytest.mark.parametrize("name", ["own.patch", "own.mbox", "own.diff"])
def test_a_patch_alone_goes_on_top_of_base(tmp_path: Path, name: str) -> None:
    base = recipe.resolve("base")
    path = write(tmp_path / name, "x")
    assert recipe.resolve(path, base=base) == Recipe(
        name="base+own", source=base.source, patches=(tmp_path / name,), profiles=("sanitize",)
    )


def test_so_does_a_series_directory(tmp_path: Path) -> None:
    (tmp_path / "v2.1").mkdir()
    (tmp_path / "v2.1" / "series").write_text("")
    assert recipe.resolve("v2.1", base=recipe.resolve("base")).name == "base+v2.1"


def test_a_patch_without_base_is_refused_with_the_way_out(tmp_path: Path) -> None:
    message, hint = refused(write(tmp_path / "own.patch", "x"))
    assert "to what?" in message
    assert "NAME+FILE" in hint


def test_name_plus_file_is_a_recipe_and_a_patch_even_if_the_file_has_a_plus(tmp_path: Path) -> None:
    write(tmp_path / "a+b.patch", "x")
    write(tmp_path / "c.patch", "x")
    found = recipe.resolve("patched+a+b.patch+c.patch")
    assert found.name == "patched+a+b+c"
    assert found.patches[-2:] == (tmp_path / "a+b.patch", tmp_path / "c.patch")


def test_a_bzimage_is_known_by_its_header(tmp_path: Path) -> None:
    (tmp_path / "vmlinuz").write_bytes(bytes(0x202) + b"HdrS")
    assert recipe.resolve("vmlinuz") == Recipe(name="vmlinuz", bzimage=tmp_path / "vmlinuz")


def test_a_patch_on_a_bzimage_is_refused(tmp_path: Path) -> None:
    (tmp_path / "vmlinuz").write_bytes(bytes(0x202) + b"HdrS")
    write(tmp_path / "own.patch", "x")
    assert "can't be applied" in refused("vmlinuz+own.patch")[0]


def test_with_a_tree_what_is_nothing_else_is_a_revision(repository: Path) -> None:
    assert recipe.resolve("HEAD~3..HEAD", tree=repository) == Recipe(
        name="HEAD~3..HEAD", source=Source(kind="git", location=str(repository), rev="HEAD~3..HEAD")
    )
    assert recipe.resolve("base", tree=repository).source == Source(kind="debian", location="linux-source-6.1")


def test_inside_a_kernel_tree_no_option_is_needed(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (repository / "lib").mkdir()
    monkeypatch.chdir(repository / "lib")
    found = recipe.resolve("v1")
    assert found.source
    assert found.source.location == str(repository)


def test_a_kernel_tree_is_a_kernel_as_it_is(tiny: Path) -> None:
    assert recipe.resolve(str(tiny)) == Recipe(name="tiny", source=Source(kind="tree", location=str(tiny)))


def test_an_unknown_name_brings_near_ones() -> None:
    message, hint = refused("pached")
    assert "'pached'" in message
    assert "patched" in hint


@pytest.mark.parametrize("text", ["base+none.patch", "none.patch"])
def test_a_missing_file_is_called_that(text: str) -> None:
    assert "there is no file 'none.patch'" in refused(text)[0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("source: {debian: x}\npatchs: []\n", "patchs: unknown key; did you mean patches?"),
        ("source: {debian: x}\npatches: fix.patch\n", "patches: "),
        ("source: {debian: x, git: y}\n", "source: .*exactly one of debian, git, tarball, tree, has debian and git"),
        ("source: {}\n", "source: .*has none"),
        ("source: {debian: x, rev: y}\n", "source: .*`rev` goes with `git`"),
        ("patches: []\n", "either `source` or `extends`"),
        ("extends: nothing\n", "extends: no recipe 'nothing'"),
        ("extends: own\n", "extends itself: own.yaml -> own.yaml"),
        ("source: {debian: x}\npatches: [none.patch]\n", "patches: there is no .*none.patch"),
    ],
)
def test_a_wrong_recipe_is_refused_with_file_and_field(tmp_path: Path, text: str, expected: str) -> None:
    path = write(tmp_path / "own.yaml", text)
    with pytest.raises(InputError, match=f"(?s){path}.*{expected}"):
        recipe.resolve(path)
