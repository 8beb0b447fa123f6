"""A kernel in small: real ELF files of a few functions, built by the compiler at hand."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from rig.decode import elf

SOURCES = {
    "lib/check.h": """\
static inline __attribute__((always_inline)) void check(int x)
{
	if (x)
		asm volatile("ud2");
}

static __attribute__((noinline, used)) int common(int x)
{
	asm volatile("ud2");
	return x;
}
""",
    "init/main.c": """\
#include "../lib/check.h"

int shared;

__attribute__((noinline, used)) int outer(int x)
{
	shared++;
	check(x);
	return x + shared;
}

static __attribute__((noinline, used)) int twin(void)
{
	asm volatile("ud2");
	return 1;
}

int shrunk(int x) asm("shrunk.isra.0");

int shrunk(int x)
{
	asm volatile("ud2");
	return x;
}

int rusty(int x) asm("_RNvC3drv4ring");

int rusty(int x)
{
	asm volatile("ud2");
	return x;
}

void start_kernel(void)
{
	shared = outer(shared);
}
""",
    "fs/other.c": """\
#include "../lib/check.h"

static __attribute__((noinline, used)) int twin(void)
{
	asm volatile("ud2");
	return 2;
}

int last(void)
{
	return 3;
}
""",
    "drivers/net/ring-dev.c": """\
int ring_push(int x)
{
	asm volatile("ud2");
	return x;
}
""",
}
_GCC = ("gcc", "-O2", "-g", "-fno-pie", "-fcf-protection=none", "-fno-asynchronous-unwind-tables")


@dataclass(frozen=True, slots=True, kw_only=True)
class Miniature:
    """A built tree; every function traps at one place."""

    tree: Path
    vmlinux: Path

    def at_trap(self, function: str, after: int = 0, *, file: Path | None = None) -> str:
        """Return `function+0x…/0x…` for its trap, or for `after` bytes later."""
        path = file or self.vmlinux
        symbol = elf.read(path).symbols(function)[0]
        code = _code(path, symbol)
        return f"{function}+{code.index(bytes([0x0F, 0x0B])) + after:#x}/{symbol.size:#x}"


def _code(path: Path, symbol: elf.Symbol) -> bytes:
    from elftools.elf.elffile import ELFFile

    with path.open("rb") as stream:
        text = ELFFile(stream).get_section_by_name(".text")
        assert text
        start = symbol.address - text["sh_addr"]
        data: bytes = text.data()
    return data[start : start + symbol.size]


def compile_to(output: Path, *words: str | Path) -> Path:
    subprocess.run((*_GCC, "-o", output, *words), check=True)
    return output


@pytest.fixture(scope="session")
def miniature(tmp_path_factory: pytest.TempPathFactory) -> Miniature:
    root = tmp_path_factory.mktemp("miniature")
    tree, build = root / "linux", root / "build"
    for name, text in SOURCES.items():
        path = tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    build.mkdir()
    link = ("-static", "-nostdlib", "-no-pie", "-Wl,-e,start_kernel", "-Wl,--build-id=none")
    vmlinux = compile_to(build / "vmlinux", *link, tree / "init/main.c", tree / "fs/other.c")
    (build / "drivers").mkdir()
    compile_to(build / "drivers/ring-dev.ko", "-c", "-x", "c", tree / "drivers/net/ring-dev.c")
    return Miniature(tree=tree, vmlinux=vmlinux)
