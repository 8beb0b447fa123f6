import random
from contextlib import suppress
from pathlib import Path

from rig.decode import elf
from rig.errors import InputError
from tests.decode.conftest import Miniature, compile_to


def test_a_size_is_the_way_to_the_next_symbol(miniature: Miniature) -> None:
    kernel = elf.read(miniature.vmlinux)
    outer = kernel.symbols("outer")[0]
    assert outer.size % 16 == 0  # padding counts
    assert kernel.symbols("outer.llvm.123") == (outer,)
    assert len(kernel.symbols("twin")) == 2
    assert kernel.symbols("no_such") == ()


def test_a_module_has_sections(miniature: Miniature) -> None:
    module = elf.read(miniature.vmlinux.parent / "drivers/ring-dev.ko")
    assert module.symbols("ring_push")[0].section == ".text"


def test_a_32_bit_file(miniature: Miniature, tmp_path: Path) -> None:
    module = compile_to(tmp_path / "x.ko", "-m32", "-c", miniature.tree / "fs/other.c")
    assert {symbol.section for symbol in elf.read(module).symbols("twin")} == {".text"}


def test_damage_is_an_input_error_or_nothing(miniature: Miniature, tmp_path: Path) -> None:
    whole = miniature.vmlinux.read_bytes()
    dice = random.Random(1)
    path = tmp_path / "vmlinux"
    for _ in range(400):
        damaged = bytearray(whole)
        for _ in range(dice.randrange(1, 4)):
            header = dice.random() < 0.7  # where it hurts: the headers at both ends
            at = dice.randrange(64) if header else len(damaged) - 1 - dice.randrange(4000)
            damaged[at] = dice.randrange(256)
        path.write_bytes(damaged[: dice.choice((len(damaged), dice.randrange(len(damaged))))])
        with suppress(InputError):
            elf.read(path).symbols("outer")
