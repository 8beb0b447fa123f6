"""Whether two trees differ in more than comments."""

from pathlib import Path

import pytest

from rig.kernel import comments, source
from rig.model import Source
from rig.progress import Silent

CODE = '/* one */\n#define A(x) \\\n\t(x)\nint f(void)\n{\n\treturn A(1); // two  "three"\n}\nchar *s = "a  /* b */";\n'


async def tree(directory: Path, **files: str) -> str:
    for name, text in files.items():
        path = directory / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return (await source.find(Source(kind="tree", location=str(directory)), (), Silent())).id


async def differ(tiny: Path, before: str, after: str) -> str:
    one = await tree(tiny, new_c=before)
    return await comments.alike(one, await tree(tiny, new_c=after))


@pytest.mark.parametrize(
    "after",
    [
        CODE.replace("one", "another\n * line"),
        CODE.replace(" // two", "  // 2"),
        CODE.replace("int f(void)\n{", "\n\nint f(void) /* here */\n{\n"),
        "// more\n" + CODE,
    ],
)
async def test_comments_and_empty_lines_are_no_code(tiny: Path, after: str) -> None:
    assert await differ(tiny, CODE, after) == "only comments changed"


@pytest.mark.parametrize(
    "after",
    [
        CODE.replace("A(1)", "A(2)"),
        CODE.replace("/* b */", "/* c */"),
        CODE.replace("a  ", "a "),
        CODE.replace("(x)\nint", "(x + 1)\nint"),
        CODE + '#include "x.h"\n',
        CODE + "/* never closed",
        "",
    ],
)
async def test_all_else_is(tiny: Path, after: str) -> None:
    assert await differ(tiny, CODE, after) == ""


async def test_what_is_included_is_not_looked_at(tiny: Path) -> None:
    code = CODE + '#include "/nowhere/at/all.h"\n'
    assert await differ(tiny, code, code.replace("one", "two")) == "only comments changed"


async def test_documentation_is_no_code(tiny: Path) -> None:
    one = await tree(tiny, Documentation__a_rst="one")
    other = await tree(tiny, Documentation__a_rst="two")
    assert await comments.alike(one, other) == "only documentation changed"


async def test_one_file_with_code_is_enough(tiny: Path) -> None:
    one = await tree(tiny, new_c=CODE, Kconfig="config A\n")
    other = await tree(tiny, new_c="/* x */" + CODE, Kconfig="config B\n")
    assert await comments.alike(one, other) == ""


async def test_equal_trees_are_said_to_be(tiny: Path) -> None:
    one = await tree(tiny)
    assert await comments.alike(one, one) == "nothing changed"


async def test_nothing_is_said_of_trees_that_are_not_there() -> None:
    assert await comments.alike("", "1" * 40) == ""
