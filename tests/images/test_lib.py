"""Parts of the workloads' library that need no guest."""

import re
import struct
import subprocess
from functools import partial
from pathlib import Path

import pytest

from tests.images.conftest import IMAGES

LIB = IMAGES / "workloads" / "lib"
HARNESS = Path(__file__).with_name("harness")
PRESENT, WRITABLE, USER = 1, 2, 4
MAPPED = 0x200000


def number(name: str, header: str) -> int:
    """What a header defines a plain number as."""
    found = re.search(rf"#define {name} (0x[0-9a-f]+|\d+)\b", (LIB / header).read_text())
    assert found
    return int(found[1], 0)


def built(name: str, directory: Path, *options: str) -> Path:
    program = directory / name
    sources = (str(HARNESS / f"{name}.c"), str(LIB / f"{name}.c"))
    subprocess.run(("gcc", "-pthread", *options, f"-I{LIB}", "-o", str(program), *sources), check=True, timeout=60)
    return program


@pytest.fixture(scope="module")
def low(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A guest's low memory after paging_write()."""
    program = built("paging", tmp_path_factory.mktemp("paging"))
    return subprocess.run((str(program),), stdout=subprocess.PIPE, check=True, timeout=20).stdout


def walk(low: bytes, table: int, address: int, shifts: tuple[int, ...], form: str) -> tuple[int, int]:
    """Return where `address` is mapped to, and the flags that hold on the whole way."""
    size = struct.calcsize(form)
    flags = WRITABLE | USER
    for shift in shifts:
        index = (address >> shift) % (4096 // size)
        (entry,) = struct.unpack_from(form, low, table + index * size)
        assert entry & PRESENT
        top_of_pae = len(shifts) == 3 and shift == shifts[0]
        flags &= entry if not top_of_pae else flags
        table = entry & ~0xFFF
    return table + address % 4096, flags


TABLES = number("GUEST_TABLES", "layout.h")
walk_32 = partial(walk, shifts=(22, 12), form="<I")
walk_pae = partial(walk, shifts=(30, 21, 12), form="<Q")
walk_64 = partial(walk, shifts=(39, 30, 21, 12), form="<Q")
NESTED = 5 * 4096


@pytest.mark.parametrize("address", [0, 0x1234, 0x100FFF, MAPPED - 1])
def test_every_way_of_paging_maps_memory_to_itself(low: bytes, address: int) -> None:
    assert walk_32(low, TABLES, address) == (address, WRITABLE)
    assert walk_64(low, TABLES + 2 * 4096, address) == (address, WRITABLE)
    for vcpu in range(number("MAX_VCPUS", "layout.h")):
        assert walk_pae(low, TABLES + 4096 + 32 * vcpu, address) == (address, WRITABLE)


@pytest.mark.parametrize("address", [0, MAPPED - 1])
def test_nested_page_tables_allow_user_access(low: bytes, address: int) -> None:
    assert walk_32(low, TABLES + NESTED, address) == (address, WRITABLE | USER)
    assert walk_64(low, TABLES + 2 * 4096 + NESTED, address) == (address, WRITABLE | USER)


def test_tops_of_pae_set_no_flag_that_kvm_refuses(low: bytes) -> None:
    (entry,) = struct.unpack_from("<Q", low, TABLES + 4096)
    assert entry & 0xFFF == PRESENT


def test_what_does_not_end_is_named_with_where_it_is(tmp_path: Path) -> None:
    program = built("watch", tmp_path, "-DWATCH_SECONDS=1")
    done = subprocess.run((str(program),), capture_output=True, text=True, timeout=60, check=False, process_group=0)
    assert done.returncode == 1
    assert 'expected "the one that does not" to be over within 1 s' in done.stdout
    assert "the one that ends" not in done.stdout


@pytest.mark.parametrize(("asked", "last"), [("0", "1"), ("4", "7"), ("9", "14.5"), ("10", "inf"), ("60", "inf")])
def test_a_short_run_ends_soon_and_others_do_all_their_work(asked: str, last: str, tmp_path: Path) -> None:
    program = built("workload", tmp_path)
    done = subprocess.run((str(program), "--seconds", asked), capture_output=True, text=True, timeout=20, check=True)
    assert done.stdout.splitlines()[-1] == last
