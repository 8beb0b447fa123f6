"""A guest's console: raw bytes to a file first, then lines as they come, a pulse, sysrq keys.

QEMU's own `logfile=` will not do: it logs a byte again whenever the socket has no room and it has to try anew (7.2).
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from rig.guest.lines import Lines

CHUNK = 1 << 16
CAP = 256 << 20  # bytes of console after which a guest is only filling the disk


class Pulse:
    """When a guest was last heard of, on whatever way."""

    def __init__(self) -> None:
        self.last = time.monotonic()

    def beat(self) -> None:
        """Say that the guest was heard just now."""
        self.last = time.monotonic()

    async def silence(self, seconds: float) -> None:
        """Return once nothing was heard for `seconds`."""
        self.beat()
        while (left := self.last + seconds - time.monotonic()) > 0:  # noqa: ASYNC110 - not a poll: sleeps what is left
            await asyncio.sleep(left)


class Console:
    """Reads a guest's console to its end, however much comes."""

    def __init__(
        self, log: Path, *, pulse: Pulse, on_line: Callable[[bytes], None], on_flood: Callable[[], None]
    ) -> None:
        self._path = log
        self._pulse, self._lines, self._on_flood = pulse, Lines(on_line), on_flood
        self._writer: asyncio.StreamWriter | None = None
        self._count = 0
        self.connected = asyncio.Event()
        self.drained = asyncio.Event()

    @asynccontextmanager
    async def listening(self, path: Path) -> AsyncIterator[None]:
        """Listen on the Unix socket `path` for QEMU."""
        with self._path.open("wb", buffering=0) as self._log:
            server = await asyncio.start_unix_server(self._serve, path, limit=CHUNK)
            try:
                yield
            finally:
                server.close()
                if self._writer:
                    self._writer.close()

    def remark(self, words: bytes) -> None:
        """Write a line of the rig's own into the log."""
        self._log.write(b"\n" + words + b"\n")

    async def press(self, key: str) -> None:
        """Type `key` on the console; sysrq takes it after a break."""
        if self._writer:
            with contextlib.suppress(ConnectionError):
                self._writer.write(key.encode())
                await self._writer.drain()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self.connected.set()
        try:
            while chunk := await reader.read(CHUNK):
                self._take(chunk)
        except ConnectionError:
            pass  # QEMU was killed
        finally:
            self.drained.set()

    def _take(self, chunk: bytes) -> None:
        self._log.write(chunk)
        self._pulse.beat()
        self._lines.feed(chunk)
        under = self._count <= CAP
        self._count += len(chunk)
        if under and self._count > CAP:
            self._on_flood()
