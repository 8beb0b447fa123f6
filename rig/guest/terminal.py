"""A shell in the guest on the terminal of whoever called the rig."""

import asyncio
import os
import shutil
import signal
import sys
import termios
import tty
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from paramiko import Channel

from rig.guest.shell import CHUNK, Shell

STDIN, STDOUT = 0, 1


async def interact(shell: Shell) -> int | None:
    """Connect a shell in the guest to stdin and stdout until it exits; its status, or None if the connection broke.

    Where stdin is no terminal, the shell reads its commands from there and says no prompts.
    """
    async with shell.session() as channel:
        with ExitStack() as stack:
            if sys.stdin.isatty():
                channel.get_pty(os.environ.get("TERM", "vt100"), *shutil.get_terminal_size())
                stack.enter_context(_resized(channel))
                stack.enter_context(_raw())
            channel.invoke_shell()
            stack.enter_context(_typed(channel))
            return await asyncio.to_thread(_shown, channel)


def _shown(channel: Channel) -> int | None:
    while chunk := channel.recv(CHUNK):
        os.write(STDOUT, chunk)
    status = channel.recv_exit_status()
    return None if status < 0 else status


@contextmanager
def _typed(channel: Channel) -> Iterator[None]:
    """Hand on what comes on stdin."""
    loop = asyncio.get_running_loop()

    def send() -> None:
        if typed := os.read(STDIN, CHUNK):
            channel.sendall(typed)
        else:
            loop.remove_reader(STDIN)
            channel.shutdown_write()

    try:
        loop.add_reader(STDIN, send)
    except PermissionError:  # a regular file, which is always ready
        channel.sendall(sys.stdin.buffer.read())
        channel.shutdown_write()
    try:
        yield
    finally:
        loop.remove_reader(STDIN)


@contextmanager
def _resized(channel: Channel) -> Iterator[None]:
    """Let the guest's terminal follow the size of ours."""
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGWINCH, lambda: channel.resize_pty(*shutil.get_terminal_size()))
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGWINCH)


@contextmanager
def _raw() -> Iterator[None]:
    """Let every key through to the guest, Ctrl-C too."""
    before = termios.tcgetattr(STDIN)
    tty.setraw(STDIN)
    try:
        yield
    finally:
        termios.tcsetattr(STDIN, termios.TCSADRAIN, before)
