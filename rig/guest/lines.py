"""Bytes as they come, cut into lines. No I/O."""

from collections.abc import Callable

LONGEST = 1 << 12  # bytes; a longer line comes in pieces


class Lines:
    """Calls `on_line` for each line, without its end; keeps little whatever comes."""

    def __init__(self, on_line: Callable[[bytes], None]) -> None:
        self._on_line = on_line
        self._partial = b""

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes."""
        *lines, self._partial = (self._partial + chunk).split(b"\n")
        for line in lines:
            self._cut(line)
        if len(self._partial) > LONGEST:
            self._cut(self._partial)
            self._partial = b""

    def end(self) -> None:
        """Say that no more comes; a last line without an end is one all the same."""
        if self._partial:
            self._cut(self._partial)
        self._partial = b""

    def _cut(self, line: bytes) -> None:
        for start in range(0, max(len(line), 1), LONGEST):
            self._on_line(line[start : start + LONGEST])
