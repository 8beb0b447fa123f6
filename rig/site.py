"""The site: what the memory has, as files of which only those that changed are written."""

import json
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path, PurePosixPath

from filelock import FileLock
from sqlalchemy import select
from sqlalchemy.orm import Session

from rig import paths
from rig.errors import HostError, InputError
from rig.memory import health, metrics, nights, regressions, runs
from rig.memory.database import Database
from rig.memory.tables import RunRow
from rig.memory.values import Regression, Trend
from rig.nightly import known
from rig.nightly.health import healths
from rig.nightly.known import KnownIssue
from rig.render.site import naming
from rig.render.site.book import Book, Chapter, Known
from rig.render.site.pages import Page, pages

NIGHTS = 60  # that have pages
JUDGED = 30  # nights that the health of workloads goes by
LISTED = 14  # of them are shown
KEPT = ".rig-site.json"  # what of the directory is the site's: by path, what it was made of and its size
REPORT = "report.html"
DRAFT = ".rig-site-draft-"

_RUN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """What has become of a site's files."""

    directory: Path
    written: tuple[str, ...]
    unchanged: int
    removed: tuple[str, ...]
    reports: int  # of runs


def build(
    memory: Database,
    directory: Path | None = None,
    *,
    last: int = NIGHTS,
    reports: bool = True,
    issues: Sequence[KnownIssue] = (),
) -> Built:
    """Bring the site in `directory` (default: the state directory's) up to what `memory` has of the `last` nights.

    With `reports` the report pages of their runs become part of it, as far as their directories are still there;
    regressions that `issues` are about are marked. Raises InputError if `directory` holds something else, HostError if
    it can't be written.
    """
    with memory.reading() as session:
        there = _reports(session, last) if reports else {}
        book = gather(session, last, frozenset(there))
    book = replace(book, known=marks(book.regressions, issues, datetime.now(UTC).date()))
    return publish(directory or paths.site(), pages(book), there)


# ---- what it is made of


def gather(s: Session, last: int = NIGHTS, reports: frozenset[str] = frozenset()) -> Book:
    """Return all that a site of the `last` nights shows."""
    records = health.records(s, JUDGED)
    recent = sorted({each.night for each in records}, key=naming.key)[-LISTED:]
    chapters = (
        Chapter(
            night=night, tips=nights.tips(s, night.id), jobs=nights.jobs(s, night.id), cells=runs.cells(s, night.id)
        )
        for night in nights.nights(s, last)
    )
    return Book(
        chapters=tuple(chapters),
        regressions=regressions.regressions(s),
        trends=tuple(_trends(s, last)),
        healths=healths(records),
        records=tuple(each for each in records if each.night in recent),
        duties=health.duties(s, last),
        reports=reports,
    )


def marks(regressions: Iterable[Regression], issues: Sequence[KnownIssue], today: date) -> dict[int, Known]:
    """Return what is said of regressions, by their numbers; of an issue that holds no more, that it has expired."""
    over = known.expired(issues, today)
    found = {}
    for each in regressions:
        if issue := known.fitting(each, issues, today):
            found[each.number] = _mark(issue, expired=False)
        elif issue := known.fitting(each, over, date.min):
            found[each.number] = _mark(issue, expired=True)
    return found


def _mark(issue: KnownIssue, *, expired: bool) -> Known:
    return Known(reason=issue.reason, link=issue.link, expires=issue.expires.isoformat(), expired=expired)


def _trends(s: Session, last: int) -> Iterable[Trend]:
    measured = dict.fromkeys((each.where.kernel, each.where.profile) for each in metrics.measures(s))
    return (trend for kernel, profile in measured for trend in metrics.trends(s, kernel, profile, nights=last))


def _reports(s: Session, last: int) -> dict[str, Path]:
    """Return the report pages that are still there, by run: of the nights' runs, and those that regressions name."""
    recent = [night.id for night in nights.nights(s, last)]
    named = {run for each in regressions.regressions(s) for run in (each.run, each.bisection) if run}
    query = select(RunRow.id, RunRow.directory).where(RunRow.night.in_(recent) | RunRow.id.in_(named))
    found = ((run, Path(directory) / REPORT) for run, directory in s.execute(query) if _RUN.fullmatch(run))
    return {run: page for run, page in found if page.is_file() and not page.is_symlink()}


# ---- files


@dataclass(slots=True)
class _Kept:
    """A directory with what of it is ours."""

    directory: Path
    files: dict[str, tuple[str, int]]  # by path: digest, bytes
    written: list[str] = field(default_factory=list)

    def has(self, path: str, digest: str) -> bool:
        """Whether a file is there as it was made of `digest`."""
        known, size = self.files.get(path, ("", -1))
        file = self.directory / path
        return known == digest and file.is_file() and file.stat().st_size == size

    def put(self, path: str, digest: str, text: bytes) -> None:
        """Write a file: those who look at it see the old one or the new one."""
        _replaced(self.directory / path, lambda draft: draft.write_bytes(text))
        self.files[path] = digest, len(text)
        self.written.append(path)

    def link(self, path: str, source: Path) -> None:
        """Have a file be `source`, which takes no room if it is on the same file system."""
        file, stat = self.directory / path, source.stat()
        digest = f"{stat.st_mtime_ns}"
        if not self.has(path, digest):
            if not (file.exists() and file.samefile(source)):
                _replaced(file, lambda draft: _linked(source, draft))
            self.files[path] = digest, stat.st_size
            self.written.append(path)

    def remove(self, path: str) -> None:
        """Remove a file, and its directory if that is empty then."""
        file = self.directory / path
        file.unlink(missing_ok=True)
        with suppress(OSError):
            while file.parent != self.directory:
                file = file.parent
                file.rmdir()
        del self.files[path]

    def save(self) -> None:
        """Write down what is ours."""
        text = json.dumps({"files": self.files}, indent=0, sort_keys=True)
        _replaced(self.directory / KEPT, lambda draft: draft.write_text(text))


def publish(directory: Path, made: Iterable[Page], reports: Mapping[str, Path]) -> Built:
    """Bring `directory` to hold these pages, and report pages by run; what else of a site is there goes."""
    try:
        _claim(directory)
        with FileLock(directory / ".rig-site.lock"):
            for draft in directory.rglob(f"{DRAFT}*"):  # of a rig that was killed
                draft.unlink()
            return _published(_kept(directory), tuple(made), reports)
    except OSError as error:
        hint = "name another directory: rig site DIRECTORY"
        raise HostError(f"{error.filename or directory}: {error.strerror}", hint=hint) from error


def _published(kept: _Kept, made: tuple[Page, ...], reports: Mapping[str, Path]) -> Built:
    linked = {f"runs/{run}/{REPORT}": page for run, page in reports.items()}
    wanted = {page.path for page in made} | linked.keys()
    kept.files = dict.fromkeys(wanted, ("", -1)) | kept.files
    kept.save()  # so that what an interruption leaves is known to be ours
    unchanged = sum(_brought(kept, page) for page in made)
    for path, source in linked.items():
        with suppress(FileNotFoundError):  # its run was removed meanwhile
            kept.link(path, source)
    gone = tuple(sorted(kept.files.keys() - wanted))
    for path in gone:
        kept.remove(path)
    kept.save()
    return Built(
        directory=kept.directory,
        written=tuple(kept.written),
        unchanged=unchanged,
        removed=gone,
        reports=len(linked),
    )


def _brought(kept: _Kept, page: Page) -> bool:
    """Write a page unless it is there as it should be; say whether it was."""
    if kept.has(page.path, page.digest):
        return True
    kept.put(page.path, page.digest, page.text().encode())
    return False


def _claim(directory: Path) -> None:
    """Make sure that `directory` is there, and a site or empty; raises InputError."""
    directory.mkdir(parents=True, exist_ok=True)
    others = (file.name for file in directory.iterdir() if not file.name.startswith(".rig-site"))
    if not (directory / KEPT).exists() and next(others, None):
        raise InputError(f"{directory} holds files of others", hint="name an empty directory, or one that is not there")


def _kept(directory: Path) -> _Kept:
    """Return what of a directory is ours; nothing if that can't be read, so that all is made anew."""
    try:
        files = json.loads((directory / KEPT).read_text())["files"]
        return _Kept(directory, {path: (str(a), int(b)) for path, (a, b) in files.items() if _inside(path)})
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return _Kept(directory, {})


def _inside(path: str) -> bool:
    parts = PurePosixPath(path).parts
    return bool(parts) and ".." not in parts and not path.startswith("/")


def _replaced(file: Path, write: Callable[[Path], object]) -> None:
    """Have `write` fill a file beside `file`, which then takes its place."""
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f"{DRAFT}{secrets.token_hex(4)}")
    try:
        write(draft)
        draft.replace(file)
    finally:
        draft.unlink(missing_ok=True)


def _linked(source: Path, draft: Path) -> None:
    try:
        os.link(source, draft)
    except OSError:  # another file system
        shutil.copyfile(source, draft)
