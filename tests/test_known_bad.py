"""The known-bad kernels: each says what is wrong, what is expected of it, and what shows it."""

import re
from pathlib import Path

import pytest
import yaml

from rig import paths, yamlfile
from rig.kernel import known_bad, patches, recipe
from rig.model import KnownBad

DIRECTORY = paths.project() / "kernels" / "known-bad"
NAMES = sorted(path.stem for path in DIRECTORY.glob("*.yaml"))
TRAILER = re.compile(r"(?:Expected|Workload|Profile|Sure): \S")
FORMS = (  # of a title in `Expected`, all that the rig gives to findings
    r"KASAN: [a-z-]+ .+|KCSAN: data-race in .+|UBSAN: [a-z-]+ in .+",
    r"WARNING(?: in|: refcount bug in|: suspicious RCU usage in|: lock held when returning to user space in) .+",
    r"BUG: .+ in .+|INFO: .+ in .+|kernel BUG in \w+|possible deadlock in .+|general protection fault in .+",
    r"memory leak in .+|memory left behind: .+|[\w-]+: \S+ went up|[\w-]+: pf_\.\.\.",
    r"[\w-]+ failed|guest hung in [\w-]+|boot failure|build failure: .+|compiler warning: .+: .+",
)


def header(name: str) -> str:
    return (DIRECTORY / f"{name}.patch").read_text().partition("\ndiff --git ")[0]


def read(name: str) -> KnownBad:
    return known_bad.read(DIRECTORY / f"{name}.patch")


def workloads() -> set[str]:
    return set(yaml.safe_load((paths.project() / "configs" / "workloads.yaml").read_text()))


def test_there_are_enough_of_them() -> None:
    assert len(NAMES) >= 24
    assert sorted(path.stem for path in DIRECTORY.glob("*.patch")) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_it_is_one_patch_on_top_of_patched(name: str) -> None:
    file = yamlfile.load(recipe.RecipeFile, DIRECTORY / f"{name}.yaml")
    assert (file.extends, file.patches) == ("patched", [f"{name}.patch"])
    assert recipe.resolve(name).patches == (*recipe.resolve("patched").patches, DIRECTORY / f"{name}.patch")


@pytest.mark.parametrize("name", NAMES)
async def test_it_changes_little_and_only_kvm(name: str) -> None:
    (patch,) = await patches.read(DIRECTORY / f"{name}.patch")
    assert all(file.path.startswith(("arch/x86/kvm/", "virt/kvm/")) for file in patch.files())
    assert 1 <= sum(file.added + file.removed for file in patch.files()) <= 20


@pytest.mark.parametrize("name", NAMES)
def test_its_header_says_what_is_wrong(name: str) -> None:
    _, prose, trailers = header(name).strip().split("\n\n")
    assert prose.startswith("Known bad. ")
    assert max(map(len, prose.splitlines())) <= 80
    assert read(name).subject.startswith("KVM: ")
    assert all(TRAILER.match(line) for line in trailers.splitlines())


@pytest.mark.parametrize("name", NAMES)
def test_its_trailers_mean_something(name: str) -> None:
    for title in read(name).expected:
        assert any(re.fullmatch(form, title) for form in FORMS), title
    assert set(read(name).workloads) <= workloads()
    assert (paths.project() / "configs" / "profiles" / f"{read(name).profile}.yaml").is_file()


def test_the_documentation_lists_them_all() -> None:
    section = (paths.project() / "docs" / "kernels.md").read_text().partition("\n## known-bad\n")[2]
    assert re.findall(r"^\| `([mb]\d\d-[\w-]+)` \|", section, re.MULTILINE) == NAMES


def test_a_name_is_numbered_once() -> None:
    numbers = [Path(name).name[:3] for name in NAMES]
    assert len(set(numbers)) == len(numbers)
