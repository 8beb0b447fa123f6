"""Bytes cut into lines."""

from hypothesis import given
from hypothesis import strategies as st

from rig.guest.lines import LONGEST, Lines


def cut(*chunks: bytes) -> list[bytes]:
    seen: list[bytes] = []
    lines = Lines(seen.append)
    for chunk in chunks:
        lines.feed(chunk)
    lines.end()
    return seen


@given(st.lists(st.binary()))
def test_chunks_do_not_matter(chunks: list[bytes]) -> None:
    whole = b"".join(chunks)
    assert cut(*chunks) == cut(whole)
    assert b"\n".join(cut(whole)) == whole.removesuffix(b"\n")


def test_a_line_without_end_is_not_kept_whole() -> None:
    pieces = cut(*[b"x" * LONGEST] * 5)
    assert max(map(len, pieces)) <= LONGEST
    assert sum(map(len, pieces)) == 5 * LONGEST
