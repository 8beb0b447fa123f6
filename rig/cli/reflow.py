"""A frame that a terminal has wrapped because it got narrower, taken back. No I/O."""

from math import ceil

from rich.console import Console, ConsoleRenderable, RenderHook
from rich.control import Control
from rich.segment import ControlType


class Reflow(RenderHook):
    """Rich's Live goes up as many lines as it has drawn; a terminal that got narrower makes more of them.

    Those that cut lines off instead lose some of the lines above. Push it after Live's own hook.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._width = console.width  # when the last frame was drawn
        self._drawn: tuple[int, ...] = ()  # columns of its lines
        self.frame: tuple[int, ...] = ()  # columns of the next one's

    def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
        """Return what is to be drawn, with another way back if the width has shrunk; the first one is Live's."""
        width = max(1, self._console.width)
        if width < self._width and self._drawn:
            renderables = [back(sum(max(1, ceil(columns / width)) for columns in self._drawn)), *renderables[1:]]
        self._width, self._drawn = width, self.frame
        return renderables


def back(lines: int) -> Control:
    """Return what erases `lines` lines, the cursor being in the last of them."""
    up = ((ControlType.CURSOR_UP, 1), (ControlType.ERASE_IN_LINE, 2)) * (lines - 1)
    return Control(ControlType.CARRIAGE_RETURN, (ControlType.ERASE_IN_LINE, 2), *up)
