import subprocess
from collections import Counter
from pathlib import Path

import pytest

from tests.images.conftest import IMAGES

LIB = "obj/workloads/lib"


@pytest.fixture(scope="module")
def changes(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Counter[str]:
    """How often each kind of change worked with each type of memory, every page looked at after each."""
    program = tmp_path_factory.mktemp("backing") / "backing"
    ours = Path(__file__).with_name("backing.c")
    sources = (str(ours), *map(str, sorted((built / LIB).glob("*.o"))))
    options = ("-Wall", "-Wextra", "-Werror", f"-I{IMAGES / 'workloads'}", "-pthread")
    subprocess.run(("gcc", *options, "-o", program, *sources), check=True)
    done = subprocess.run((program,), capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return Counter(done.stdout.splitlines())


@pytest.mark.parametrize("kind", ["protect", "fork", "move"])
@pytest.mark.parametrize("memory", ["0x1", "0x2", "0x4", "0x8", "0x10"])
def test_all_small_pages_take_what_they_must(changes: Counter[str], memory: str, kind: str) -> None:
    assert changes[f"{memory} memory_{kind}"] == 4


@pytest.mark.parametrize(
    "change",
    ["0x2 memory_dontneed", "0x4 memory_punch_hole", "0x4 memory_remove", "0x8 memory_free", "0x8 memory_resize"],
)
def test_what_loses_pages_is_done_and_mended(changes: Counter[str], change: str) -> None:
    assert changes[change] == 4


def test_pages_that_are_called_never_lose_their_function(changes: Counter[str]) -> None:
    assert not {change for change in changes if change.split()[0] in {"0x1", "0x2"} and "hole" in change}
