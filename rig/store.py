"""Run directories: everything of a run in one place, whole or marked as not, read back equal."""

import os
import re
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from math import inf
from pathlib import Path

from filelock import FileLock
from pydantic import TypeAdapter, ValidationError

from rig import cache, paths
from rig.errors import HostError, InputError
from rig.model import KeptRun, Run, Trial

RESULT = "run.json"
PARTIAL = ".partial"
LOCK = ".lock"
AWAITED = ".awaited"
BEGAN = len("20260101-120000")  # that a name starts with


_RUN = TypeAdapter(Run)
_TRIAL = TypeAdapter(Trial)


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A run that is going on. What is written so far stays even when the rig is killed."""

    id: str
    began: datetime
    directory: Path

    @property
    def trials(self) -> Path:
        """Return the directory of finished trials; it is there once there is one."""
        return self.directory / "trials"

    def keep(self, trial: Trial) -> None:
        """Write a finished trial, so that it outlives an interruption."""
        self.trials.mkdir(exist_ok=True)
        _write(self.trials / f"{trial.side}-{trial.index}.json", _TRIAL.dump_json(trial, indent=1))

    def kept(self) -> tuple[Trial, ...]:
        """Return the trials that are finished, in order."""
        read = (_TRIAL.validate_json(path.read_bytes()) for path in self.trials.glob("*.json"))
        return tuple(sorted(read, key=lambda trial: (trial.side, trial.index)))

    def await_resumption(self) -> None:
        """Mark the run as one that somebody will go on with if it is interrupted."""
        (self.directory / AWAITED).touch()

    def add(self, name: str, text: str, *, executable: bool = False) -> None:
        """Write a file of the run."""
        path = self.directory / name
        path.write_text(text)
        if executable:
            path.chmod(0o755)

    def copy(self, source: Path | None, name: str) -> None:
        """Copy a file made elsewhere (a build log) into the run."""
        if source and source.is_file():
            shutil.copyfile(source, self.directory / name)

    def finish(self, run: Run) -> None:
        """Write the result; without it the run counts as interrupted."""
        _write(self.directory / RESULT, _RUN.dump_json(run, indent=1))


def _write(path: Path, data: bytes) -> None:
    """Write a file that is whole or not there, even if the host loses power."""
    partial = path.with_name(f".{path.name}")
    with partial.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
    handle = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class Consoles(Mapping[str, bytes]):
    """The consoles in a run directory by file name, each read when it is asked for: guests can fill gigabytes."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def __getitem__(self, name: str) -> bytes:
        """Return a console; KeyError if it is not there, or no file of the directory itself.

        A run may come from elsewhere and name any file.
        """
        path = self._directory / name
        if path.name != name or not path.is_file() or path.is_symlink():
            raise KeyError(name)
        return path.read_bytes()

    def __iter__(self) -> Iterator[str]:
        return (path.name for path in sorted(self._directory.glob("console-*.log")))

    def __len__(self) -> int:
        return sum(1 for _ in self)


@contextmanager
def resumed(name: str, root: Path | None = None) -> Iterator[Draft]:
    """Yield the run `name` that was interrupted, to be gone on with; raises InputError if there is none."""
    directory = (root or paths.runs()) / (name + PARTIAL)
    if not directory.is_dir():
        raise InputError(f"no interrupted run is called {name!r}", hint="`rig ls` lists them")
    began = datetime.strptime(name[:BEGAN], "%Y%m%d-%H%M%S").replace(tzinfo=UTC)
    with _held(Draft(id=name, began=began, directory=directory)) as made:
        yield made


def began(directory: Path) -> float:
    """Return when a run that is going on was begun, or gone on with, in seconds since the epoch; inf if it is over."""
    try:
        return (directory / LOCK).stat().st_mtime
    except FileNotFoundError:
        return inf


def awaited(directory: Path) -> bool:
    """Say whether somebody will go on with an interrupted run."""
    return (directory / AWAITED).exists()


@contextmanager
def _held(made: Draft) -> Iterator[Draft]:
    """Yield a run with its lock held; it becomes whole when it was finished."""
    try:
        with FileLock(made.directory / LOCK):
            yield made
    except BaseException:
        if not made.trials.exists():  # nothing was learnt
            shutil.rmtree(made.directory, ignore_errors=True)
        raise
    if (made.directory / RESULT).exists():
        (made.directory / LOCK).unlink(missing_ok=True)
        made.directory.rename(made.directory.with_name(made.id))


@contextmanager
def draft(root: Path | None = None) -> Iterator[Draft]:
    """Yield a new run under `root` (default: the state directory) that becomes whole when it was finished.

    Until then its directory is called ID.partial and is locked; left without a result it keeps that name.
    """
    root = root or paths.runs()
    began = datetime.now(UTC)
    name = f"{began:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
    directory = root / (name + PARTIAL)
    try:
        directory.mkdir(parents=True)
    except OSError as error:
        raise HostError(f"{root}: {error.strerror}", hint="free some space with `rig gc`") from error
    with _held(Draft(id=name, began=began, directory=directory)) as made:
        yield made


def location(name: str, root: Path | None = None) -> Path:
    """Return the directory of the run `name`: an id, the end of one, "latest", or a path; raises InputError."""
    if (Path(name) / RESULT).is_file():
        return Path(name)
    known = sorted(path for path in (root or paths.runs()).glob("2*") if (path / RESULT).is_file())
    found = known[-1:] if name == "latest" else [path for path in known if path.name.endswith(name)]
    if len(found) == 1:
        return found[0]
    why = f"{len(found)} runs are called" if found else "no run is called"
    raise InputError(f"{why} {name!r}", hint="`rig ls` lists them; a run directory works too")


def read(directory: Path) -> Run:
    """Return the run kept in `directory`; raises InputError if it isn't one."""
    try:
        return _RUN.validate_json((directory / RESULT).read_bytes())
    except OSError as error:
        raise InputError(f"{directory}: not a run directory: {error.strerror}") from error
    except ValidationError as error:
        raise InputError(f"{directory / RESULT}: {error}", hint="it was written by another version of rig") from error


def latest(number: int, root: Path | None = None) -> Iterator[Run]:
    """Yield the last `number` finished runs that can be read, the latest first."""
    known = sorted(path for path in (root or paths.runs()).glob("2*") if (path / RESULT).is_file())
    for directory in reversed(known[-number:]):
        with suppress(InputError):
            yield read(directory)


def entries(root: Path | None = None) -> tuple[KeptRun, ...]:
    """Return all runs under `root`, oldest first."""
    return tuple(_entry(path) for path in sorted((root or paths.runs()).glob("2*")) if path.is_dir())


def _entry(path: Path) -> KeptRun:
    size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    partial = path.name.endswith(PARTIAL)
    run = None if partial else read(path)
    return KeptRun(directory=path, run=run, live=partial and cache.held(path / LOCK), bytes=size)


def named(text: str) -> str:
    """Return `text` as part of a file name."""
    return re.sub(r"[^A-Za-z0-9._+-]+", "-", text).strip("-") or "kernel"
