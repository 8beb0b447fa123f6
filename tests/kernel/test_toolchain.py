"""The compiler behind its cache."""

import subprocess
from pathlib import Path

import pytest

from rig.kernel.toolchain import CACHED


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CCACHE_DIR", str(tmp_path / "ccache"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def compiled(source: Path) -> bytes:
    """Compile as kbuild does, from nothing, and return the object."""
    made = source.with_suffix(".o")
    made.unlink(missing_ok=True)
    depends = f"-Wp,-MMD,{source.with_suffix('.d')}"
    subprocess.run((CACHED, "gcc", depends, "-c", "-o", made, source), check=True)
    return made.read_bytes()


def hits() -> int:
    told = subprocess.run(("ccache", "--print-stats"), check=True, capture_output=True, text=True).stdout
    counts = dict(line.split("\t") for line in told.splitlines())
    return int(counts["direct_cache_hit"]) + int(counts["preprocessed_cache_hit"])


def test_an_object_comes_from_the_cache(cache: Path) -> None:
    source = cache / "one.c"
    source.write_text("int one(void) { return 1; }\n")
    assert compiled(source) == compiled(source)
    assert hits() == 1


def test_what_a_header_says_is_seen(cache: Path) -> None:
    source, header = cache / "one.c", cache / "one.h"
    source.write_text('#include "one.h"\nint one(void) { return ONE; }\n')
    header.write_text("#define ONE 1\n")
    first = compiled(source)
    header.write_text("#define ONE 2\n")
    assert compiled(source) != first


@pytest.mark.parametrize(
    ("name", "text"),
    [("blob.S", '.incbin "blob"\n'), ("blob.c", 'asm(".incbin \\"blob\\"");\n')],
)
def test_a_file_taken_in_whole_is_seen_too(cache: Path, name: str, text: str) -> None:
    source, blob = cache / name, cache / "blob"
    source.write_text(text)
    blob.write_bytes(b"one kernel")
    first = compiled(source)
    blob.write_bytes(b"a like one")
    assert compiled(source) != first


def test_standard_input_is_left_to_the_compiler(cache: Path) -> None:  # how Kconfig asks for the version
    argv = (CACHED, "gcc", "-E", "-P", "-x", "c", "-")
    told = subprocess.run(argv, input="GCC __GNUC__\n", check=True, capture_output=True, text=True, cwd=cache)
    assert told.stdout.split()[0] == "GCC"
    assert told.stdout.split()[1].isdigit()
