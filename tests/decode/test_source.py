from pathlib import Path

import pytest

from rig.decode.source import LONGEST, excerpt, source
from rig.model import Location


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "secret").write_text("secret\n")
    tree = tmp_path / "linux"
    (tree / "fs").mkdir(parents=True)
    (tree / "fs/x.c").write_text("".join(f"line {number}\n" for number in range(1, 10)))
    (tree / "fs/link.c").symlink_to(tmp_path / "secret")
    (tree / "fs/wild.c").write_bytes(b"\xff\x00\n" + b"x" * 100_000 + b"\n")
    return tree


def at(file: str, line: int) -> Location:
    return Location(function="f", file=file, line=line)


def test_lines_around(tree: Path) -> None:
    assert source(at("fs/x.c", 4), tree, around=1) == ((3, "line 3"), (4, "line 4"), (5, "line 5"))


def test_at_the_ends_of_a_file(tree: Path) -> None:
    assert [number for number, _ in source(at("fs/x.c", 1), tree)] == [1, 2, 3]
    assert [number for number, _ in source(at("fs/x.c", 9), tree)] == [7, 8, 9]


@pytest.mark.parametrize("line", [0, 10, 11, 10**9])
def test_a_line_that_is_not_there(tree: Path, line: int) -> None:
    assert source(at("fs/x.c", line), tree) == ()


@pytest.mark.parametrize(
    "file", ["fs/none.c", "fs", "../secret", "fs/link.c", "/etc/passwd", "fs/../../secret", "x\0", "x" * 9999]
)
def test_nothing_but_files_of_the_tree(tree: Path, file: str) -> None:
    assert source(at(file, 1), tree) == ()


def test_any_bytes_will_do(tree: Path) -> None:
    assert [len(text) for _, text in source(at("fs/wild.c", 2), tree)] == [2, LONGEST]


def test_an_excerpt_of_text_that_is_no_file() -> None:
    assert excerpt("a\nb\nc\n".splitlines(), 2, around=1) == ((1, "a"), (2, "b"), (3, "c"))
    assert excerpt([], 1) == ()
    assert excerpt(["a"], -5) == ()
