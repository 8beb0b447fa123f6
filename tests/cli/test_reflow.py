"""A frame on a terminal that got narrower."""

from io import StringIO

from rich.console import Console, ConsoleRenderable
from rich.text import Text

from rig.cli.reflow import Reflow, back

FRAME = (80, 30, 0)  # columns of three lines


def drawn(first: int, second: int) -> ConsoleRenderable:
    """What comes first when a frame was drawn at one width, and another one is at the second."""
    console = Console(file=StringIO(), width=first, height=24)
    reflow = Reflow(console)
    reflow.frame = FRAME
    reflow.process_renderables([LIVES, Text("frame")])
    console.width = second
    return reflow.process_renderables([LIVES, Text("frame")])[0]


LIVES = back(len(FRAME))


def test_as_long_as_it_is_wide_enough_nothing_changes() -> None:
    assert drawn(80, 80) is LIVES
    assert drawn(80, 200) is LIVES


def test_lines_that_were_wrapped_are_taken_back_as_many() -> None:
    assert str(drawn(80, 40)) == str(back(2 + 1 + 1))
    assert str(drawn(80, 25)) == str(back(4 + 2 + 1))


def test_going_back_ends_in_the_first_column_of_the_first_line() -> None:
    assert str(back(3)) == "\r\x1b[2K" + "\x1b[1A\x1b[2K" * 2
