"""Commands and files in the guest, over a Fabric connection with the host key pinned.

Its runner is left alone: it keeps all output in memory and polls, and its transfers need sftp.
"""

import asyncio
import contextlib
import json
import logging
import shlex
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from fabric import Config, Connection
from paramiko import Channel, RejectPolicy, SSHException

from rig.errors import RigError
from rig.guest import keys
from rig.guest.console import Pulse
from rig.guest.keys import Keys

# A guest that goes away is an ordinary end here; the library would log it as an error.
logging.getLogger("paramiko").addHandler(logging.NullHandler())
logging.getLogger("paramiko").propagate = False

HOST, USER = "127.0.0.1", "root"
CHUNK = 1 << 16
TAIL = 1 << 16  # bytes of output that are kept
OnOutput = Callable[[bytes], None]  # called in a worker thread


class ShellError(RigError):
    """The guest does not answer on ssh, or no more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """A command that ran in the guest."""

    status: int | None  # None if the connection was lost first
    output: str  # the end of what it wrote, stdout and stderr as they came


class Shell:
    """A connection to one guest. Everything on it ends when the guest does, or when it is closed."""

    def __init__(self, *, port: int, keys: Keys, pulse: Pulse) -> None:
        self._port, self._keys, self._pulse = port, keys, pulse
        self._socket: socket.socket | None = None
        self._connection: Connection | None = None

    @property
    def address(self) -> str:
        """Return all that another process needs for a shell of its own, as text; the key to the guest is in it."""
        return json.dumps({"port": self._port, "secret": self._keys.secret, "host": self._keys.host.get_base64()})

    @classmethod
    def at(cls, address: str) -> "Shell":
        """Return a shell that is still to be connected, in another process than the guest's."""
        found = json.loads(address)
        return cls(port=found["port"], keys=keys.known(found["secret"], found["host"]), pulse=Pulse())

    @property
    def alive(self) -> bool:
        """Whether the connection stands."""
        return bool(self._connection and self._connection.is_connected)

    async def connect(self, *, limit: float) -> None:
        """Log in; nothing of the user's own ssh set-up is looked at. Raises ShellError."""
        try:
            await asyncio.to_thread(self._connect, limit)
        except (OSError, EOFError, SSHException) as error:
            raise ShellError(f"no ssh to the guest: {error or type(error).__name__}") from None

    async def run(self, command: str, *, limit: float | None = None, on_output: OnOutput | None = None) -> Ran:
        """Run `command`, with nothing on its stdin, to its end.

        Raises ShellError if it can't be started, TimeoutError past `limit` seconds.
        """
        async with asyncio.timeout(limit), self._started(command) as channel:
            return await asyncio.to_thread(self._follow, channel, on_output)

    async def put(self, local: Path, remote: str, *, limit: float | None = None) -> None:
        """Copy a file into the guest."""
        async with asyncio.timeout(limit), self._started(f"cat > {shlex.quote(remote)}") as channel:
            await asyncio.to_thread(_send, channel, local)

    async def get(self, remote: str, local: Path, *, limit: float | None = None) -> None:
        """Copy a file out of the guest."""
        async with asyncio.timeout(limit), self._started(f"cat {shlex.quote(remote)}") as channel:
            await asyncio.to_thread(_receive, channel, remote, local)

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Channel]:
        """Give a bare channel, for a terminal."""
        channel = await asyncio.to_thread(self._open)
        try:
            yield channel
        finally:
            channel.close()

    def close(self) -> None:
        """Hang up; commands that still run come back at once."""
        if self._socket:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)
        if self._connection:
            self._connection.close()

    @asynccontextmanager
    async def _started(self, command: str) -> AsyncIterator[Channel]:
        async with self.session() as channel:
            try:
                await asyncio.to_thread(channel.exec_command, command)
            except (OSError, EOFError, SSHException) as error:
                raise ShellError(f"{command}: did not start: {error}") from None
            yield channel

    def _connect(self, limit: float) -> None:
        self._socket = socket.create_connection((HOST, self._port), timeout=limit)
        waits = dict.fromkeys(("banner_timeout", "auth_timeout"), limit)
        own = {"sock": self._socket, "pkey": self._keys.client, "allow_agent": False, "look_for_keys": False}
        # Lazy, so that no file of the user's says how to reach a guest.
        config = Config(lazy=True, overrides={"load_ssh_configs": False})
        self._connection = Connection(HOST, user=USER, port=self._port, config=config, connect_kwargs=own | waits)
        client = self._connection.client
        client.set_missing_host_key_policy(RejectPolicy())
        client.get_host_keys().add(f"[{HOST}]:{self._port}", self._keys.host.get_name(), self._keys.host)
        self._connection.open()

    def _open(self) -> Channel:
        assert self._connection, "connect first"
        try:
            channel: Channel = self._connection.create_session()
        except (OSError, EOFError, SSHException) as error:
            raise ShellError(f"no ssh session: {error}") from None
        channel.set_combine_stderr(True)
        return channel

    def _follow(self, channel: Channel, on_output: OnOutput | None) -> Ran:
        channel.shutdown_write()
        tail = b""
        while chunk := channel.recv(CHUNK):
            self._pulse.beat()
            tail = (tail + chunk)[-TAIL:]
            if on_output:
                on_output(chunk)
        status = channel.recv_exit_status()
        return Ran(status=None if status < 0 else status, output=tail.decode(errors="replace"))


def _send(channel: Channel, local: Path) -> None:
    with local.open("rb") as source:
        while chunk := source.read(CHUNK):
            channel.sendall(chunk)
    channel.shutdown_write()
    if channel.recv_exit_status():
        raise ShellError(f"{local}: could not be written in the guest")


def _receive(channel: Channel, remote: str, local: Path) -> None:
    with local.open("wb") as target:
        while chunk := channel.recv(CHUNK):
            target.write(chunk)
    if channel.recv_exit_status():
        raise ShellError(f"{remote}: could not be read in the guest")
