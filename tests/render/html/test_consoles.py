import base64
import gzip

import pytest

from rig.model import Trial
from rig.render.html import consoles
from rig.render.html.consoles import Packed, pack
from tests import values


def trial(*starts: int) -> Trial:
    return values.trial("base", *(values.report("WARNING in f", start=start, end=start + 9) for start in starts))


def text(packed: Packed) -> list[str]:
    lines = gzip.decompress(base64.b64decode(packed.text)).decode().split("\n")
    assert len(lines) == sum(count for _, count in packed.kept)
    return lines


def numbered(packed: Packed) -> dict[int, str]:
    """Embedded lines by the numbers the page gives them."""
    numbers = [first + number for first, count in packed.kept for number in range(count)]
    return dict(zip(numbers, text(packed), strict=True))


def test_a_short_console_is_embedded_whole() -> None:
    packed = pack(b"one\r\ntwo\r\n\r\nfour", trial())
    assert (text(packed), packed.kept, packed.lines, packed.left_out) == (["one", "two", "", "four"], ((1, 4),), 4, 0)


@pytest.mark.parametrize(("raw", "lines"), [(b"", 0), (b"\n", 1), (b"a", 1), (b"a\n", 1), (b"a\nb", 2)])
def test_lines_are_counted_as_an_editor_does(raw: bytes, lines: int) -> None:
    assert pack(raw, trial()).lines == lines


def test_beginnings_and_reports_have_their_lines() -> None:
    raw = b"boot\n[ 1.0] rig: begin churn\nx\nWARNING\n[ 2.0] rig: begin other\n[ 3.0] rig: begin churn\n"
    packed = pack(raw, trial(raw.index(b"WARNING")))
    assert packed.begins == {"churn": 2, "other": 5}
    assert packed.reports == (4,)
    marks = [(mark.line, mark.kind, mark.label) for mark in packed.marks]
    assert marks == [
        (2, "begin", "churn"),
        (4, "report", "WARNING in f"),
        (5, "begin", "other"),
        (6, "begin", "churn"),
    ]


def test_of_a_long_console_both_ends_and_what_is_around_a_report_are_kept() -> None:
    lines = [b"line %07d" % number for number in range(1, 400_001)]
    lines[199_999] = b"WARNING: here"
    raw = b"\n".join(lines) + b"\n"
    packed = pack(raw, trial(raw.index(b"WARNING")))
    kept = numbered(packed)
    assert packed.lines == 400_000
    assert packed.reports == (200_000,)
    assert kept[1] == "line 0000001"
    assert kept[200_000] == "WARNING: here"
    assert kept[200_100] == "line 0200100"
    assert kept[400_000] == "line 0400000"
    assert 100_000 not in kept
    assert packed.left_out < len(raw) - consoles.CAP * 0.9
    assert all(line in ("WARNING: here", f"line {number:07}") for number, line in kept.items())
    assert packed.left_out == len(raw) - sum(len(line) + 1 for line in kept.values())


def test_however_much_is_of_interest_the_cap_holds() -> None:
    raw = b"rig: begin churn\nWARNING: x\n" * 200_000
    packed = pack(raw, trial(*range(17, len(raw), 2800)), cap=200_000)
    assert len(raw) - packed.left_out < 250_000
    assert len(packed.marks) < 2600


def test_a_line_without_end_is_cut() -> None:
    packed = pack(b"a" * (3 << 20), trial())
    assert packed.left_out > 0
    assert max(map(len, text(packed))) < 5000


def test_bytes_that_are_no_text_are_spelled_out() -> None:
    assert text(pack(b"\x1b[2J\xff\x00\n\ttab", trial())) == ["\\x1b[2J\ufffd\\x00", "\ttab"]


def test_a_trials_word_about_offsets_is_not_trusted() -> None:
    assert pack(b"one\ntwo\n", trial(4_000_000)).reports == (3,)


def test_many_consoles_share_what_there_is_room_for() -> None:
    assert consoles.share(1) == consoles.share(6) == consoles.CAP
    assert consoles.share(100) < consoles.CAP
    assert consoles.share(10**6) == consoles.LEAST
