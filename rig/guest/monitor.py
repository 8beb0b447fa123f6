"""QEMU's monitor: events as they come, and the few commands the rig gives."""

import contextlib
import logging
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from qemu.qmp import EventListener, Message, QMPClient, QMPError, Runstate

from rig.errors import HostError
from rig.guest.qemu import CONSOLE

# A QEMU that goes away is an ordinary end here; the library would log it as an error.
logging.getLogger("qemu.qmp").addHandler(logging.NullHandler())
logging.getLogger("qemu.qmp").propagate = False

Event = Callable[[str, dict[str, Any]], None]
FORWARD = re.compile(r"HOST_FORWARD\]\s+\d+\s+127\.0\.0\.1\s+(\d+)")


class _Heard(EventListener):
    """Hands events on at once, in order, instead of queueing them."""

    def __init__(self, on_event: Event) -> None:
        super().__init__()
        self._on_event = on_event

    async def put(self, event: Message) -> None:
        data = event.get("data", {})
        self._on_event(str(event["event"]), data if isinstance(data, dict) else {})


class Monitor:
    """The QMP connection of one QEMU."""

    def __init__(self, on_event: Event) -> None:
        self._client = QMPClient()
        self._client.register_listener(_Heard(on_event))

    @asynccontextmanager
    async def listening(self, path: Path) -> AsyncIterator[None]:
        """Listen on the Unix socket `path` for QEMU."""
        await self._client.start_server(str(path))
        try:
            yield
        finally:
            with contextlib.suppress(QMPError, EOFError, OSError):
                await self._client.disconnect()

    async def accept(self) -> None:
        """Wait for QEMU to connect and greet."""
        await self._client.accept()

    async def closed(self) -> None:
        """Return once QEMU has hung up, with every event delivered."""
        while self._client.runstate in (Runstate.CONNECTING, Runstate.RUNNING):
            await self._client.runstate_changed()

    async def forwarded_port(self) -> int:
        """Return the loopback port that leads to the guest's ssh; QEMU chose it, so no other process had it."""
        text = await self._client.execute("human-monitor-command", {"command-line": "info usernet"})
        found = FORWARD.search(str(text))
        if not found:
            raise HostError(f"QEMU names no forwarded port: {text}", hint="was its user network (libslirp) built in?")
        return int(found[1])

    async def nmi(self) -> None:
        """Send the guest a non-maskable interrupt."""
        await self._try("inject-nmi", {})

    async def send_break(self) -> None:
        """Send a break on the serial console; the next key is sysrq's."""
        await self._try("chardev-send-break", {"id": CONSOLE})

    async def _try(self, command: str, arguments: dict[str, object]) -> None:
        """Give a command to a QEMU that may be gone."""
        with contextlib.suppress(QMPError):
            await self._client.execute(command, arguments)
