"""Console logs: files, many at once; standard input; a console that is being written."""

import errno
import os
import select
import signal
import stat
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from ctypes import c_bool
from multiprocessing import parent_process
from multiprocessing.sharedctypes import RawValue
from pathlib import Path
from threading import Thread
from types import FrameType
from typing import BinaryIO, TextIO

import click

from rig.errors import Exit, HostError, InputError
from rig.model import Report
from rig.render.parsed import Parsed
from rig.reports.parse import Stream, parse_chunks

CHUNK = 1 << 20
WORTH_A_PROCESS = 8 << 20  # bytes of logs below which one process is as fast as several
TICK = 1.0  # seconds a report has to become whole on a live console
POLL = 0.2  # seconds between looks at a file, which can't be waited for; over NFS or 9p it can't be watched either

_OVER: list[c_bool] = []  # of a process that reads logs for another: set when nobody waits for them any more


def read_all(names: Sequence[str]) -> Iterator[Parsed]:
    """Yield what each log says, in order; "-" is standard input. One that can't be read gets a message instead."""
    workers = min(len(os.sched_getaffinity(0)), len(names))
    if workers == 1 or sum(map(_size, names)) < WORTH_A_PROCESS:
        yield from _known(map(_read, names))
        return
    over = RawValue(c_bool, False)
    with _interruptible(over), ProcessPoolExecutor(workers, None, _depend_on_the_parent, (over,)) as pool:
        try:
            yield from _until(over, _known(pool.map(_read, names, chunksize=max(1, len(names) // (workers * 16)))))
        except BrokenProcessPool as error:
            raise HostError("a process that read logs was killed", hint="is there enough memory?") from error
        except BaseException:
            over.value = True  # or each worker would finish what it has begun
            pool.shutdown(cancel_futures=True)
            raise


@contextmanager
def _interruptible(over: c_bool) -> Iterator[None]:
    """Have Ctrl-C say that it is over, and no more: raised while the pool holds a lock, it would leave all waiting."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        over.value = True

    before = signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _until(over: c_bool, logs: Iterator[Parsed]) -> Iterator[Parsed]:
    """Yield logs until it is over; raises KeyboardInterrupt then. Workers see it too, so the next log is not far."""
    for log in logs:
        if over.value:
            break
        yield log
    if over.value:
        raise KeyboardInterrupt


def _known(read: Iterator[Parsed | str]) -> Iterator[Parsed]:
    for one in read:
        if isinstance(one, Parsed):
            yield one
        else:
            click.secho(f"rig: {one}", fg="red", err=True)


def _read(name: str) -> Parsed | str:
    try:
        if name == "-":
            return Parsed(file=name, reports=parse_chunks(_pieces(_stdin().buffer)))
        with Path(name).open("rb") as file:
            return Parsed(file=name, reports=parse_chunks(_pieces(file)))
    except OSError as error:
        return _unreadable(name, error)


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    while not any(over.value for over in _OVER) and (piece := file.read(CHUNK)):
        yield piece


def _unreadable(name: str, error: OSError) -> str:
    return f"can't read {click.format_filename(name)}: {error.strerror}"


def _size(name: str) -> int:
    try:
        return Path(name).stat().st_size
    except OSError:
        return 0


def _stdin() -> TextIO:
    """Return standard input; raises OSError if whoever started the rig closed it."""
    if sys.stdin is None:
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))
    return sys.stdin


def _depend_on_the_parent(over: c_bool) -> None:
    """Leave interrupts to the parent, and end when it does, however that comes."""
    _OVER.append(over)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with_the_parent, daemon=True).start()


def _end_with_the_parent() -> None:
    if parent := parent_process():
        parent.join()
        os._exit(Exit.INTERRUPTED)


def follow(name: str) -> Iterator[Parsed]:
    """Yield each report of a console a moment after it was written; a pipe ends, a file never does.

    Raises InputError.
    """
    try:
        number = _stdin().fileno() if name == "-" else os.open(name, os.O_RDONLY)
        pieces = _grown(number) if stat.S_ISREG(os.fstat(number).st_mode) else _sent(number)
        yield from _as_it_comes(name, pieces)
    except OSError as error:
        raise InputError(_unreadable(name, error)) from error


def _as_it_comes(name: str, pieces: Iterator[bytes]) -> Iterator[Parsed]:
    stream = Stream()
    for found in _in_time(stream, pieces):
        yield Parsed(file=name, reports=(stream.settle(found),))


def _in_time(stream: Stream, pieces: Iterator[bytes]) -> Iterator[Report]:
    """Yield each report between one and two ticks after it began; Ctrl-C is how a live console ends."""
    ticked, late = time.monotonic(), 0
    try:
        for piece in pieces:
            yield from stream.feed(piece)
            late += len(piece)
            if time.monotonic() - ticked >= TICK:
                yield from stream.flush(late)
                ticked, late = time.monotonic(), 0
    except KeyboardInterrupt:
        pass
    yield from stream.flush()


def _sent(number: int) -> Iterator[bytes]:
    """Yield what comes through a pipe or a terminal, and nothing at all once in a while."""
    while True:
        ready, _, _ = select.select([number], [], [], TICK)
        piece = os.read(number, CHUNK) if ready else b""
        if ready and not piece:
            return
        yield piece


def _grown(number: int) -> Iterator[bytes]:
    """Yield what is in a file and what is added to it, and nothing at all once in a while."""
    while True:
        piece = os.read(number, CHUNK)
        yield piece
        if not piece:
            if os.fstat(number).st_size < os.lseek(number, 0, os.SEEK_CUR):
                os.lseek(number, 0, os.SEEK_SET)  # written anew
            time.sleep(POLL)
