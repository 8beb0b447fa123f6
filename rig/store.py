"""Run directories: everything of a run in one place, whole or marked as not, read back equal."""

import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock
from pydantic import TypeAdapter, ValidationError

from rig import cache, paths
from rig.errors import HostError, InputError
from rig.model import KeptRun, Run, Trial

RESULT = "run.json"
PARTIAL = ".partial"
LOCK = ".lock"


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
        path = self.trials / f"{trial.side}-{trial.index}.json"
        path.write_bytes(_TRIAL.dump_json(trial, indent=1))

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
        self.add(RESULT, _RUN.dump_json(run, indent=1).decode())


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
    made = Draft(id=name, began=began, directory=directory)
    try:
        with FileLock(directory / LOCK):
            yield made
    except BaseException:
        if not made.trials.exists():  # nothing was learnt
            shutil.rmtree(directory, ignore_errors=True)
        raise
    if (directory / RESULT).exists():
        (directory / LOCK).unlink(missing_ok=True)
        directory.rename(root / name)


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
