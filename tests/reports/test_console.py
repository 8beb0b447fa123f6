import pytest
from hypothesis import given
from hypothesis import strategies as st

from rig.reports.console import LONGEST, Console


@pytest.mark.parametrize(
    ("line", "context", "text"),
    [
        (b"plain", "", "plain"),
        (b"[    1.234567] hello", "console", "hello"),
        (b"[    1.234567][  T123] hello", "T123", "hello"),
        (b"[    1.234567][    C1]  frame+0x1/0x2", "C1", " frame+0x1/0x2"),
        (b"<4>[    1.234567][   T1] hello", "T1", "hello"),
        (b"debian login: [    1.234567][   T1] hello", "T1", "hello"),
        (b"** 12 printk messages dropped ** [    1.234567][   T1] hello", "T1", "hello"),
        (b"[    1.234567]no space", "", "[    1.234567]no space"),
        (b"say [    1.234567] hello", "", "say [    1.234567] hello"),
        (b"[    1.234567][   T1] ", "T1", ""),
    ],
)
def test_prefix(line: bytes, context: str, text: str) -> None:
    console = Console(line + b"\n")
    (found,) = console.by_context().items()
    assert found[0] == context
    assert console.text(found[1].starts[0], found[1].ends[0]) == text


def test_positions_lead_back_into_a_log_with_carriage_returns() -> None:
    raw = b"a\r\n\rbc\r\nd"
    console = Console(raw)
    start, end = console.line_at(console.log.index(b"b"))
    assert raw[console.raw_start(start) : console.raw_end(end)] == b"bc"


def test_a_huge_line_is_looked_at_in_part() -> None:
    console = Console(b"x" * 1_000_000)
    assert len(console.text(0, 1_000_000)) == LONGEST


@given(
    st.lists(st.sampled_from([b"[ 1.5] ", b"[ 1.5][ T1] ", b"x", b"\n", b"\r", b" login: ", b"\0", b"\xff"])).map(
        b"".join
    )
)
def test_every_line_is_in_one_context(raw: bytes) -> None:
    console = Console(raw)
    lines = [
        (start, end)
        for found in console.by_context().values()
        for start, end in zip(found.starts, found.ends, strict=True)
    ]
    assert sorted(end for _, end in lines if end < len(console.log)) == [
        n for n, byte in enumerate(console.log) if byte == 10
    ]
