"""The tables of the memory. What is kept whole is compressed JSON; rows are what is asked for. No I/O."""

import json
import re
from hashlib import sha256

from sqlalchemy import (
    BigInteger,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Text,
    TypeDecorator,
    UniqueConstraint,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

SCHEMA = "0001"  # the newest revision in migrations/versions
VERSIONS = "rig_schema"  # the table of it: a database may hold tables of others, with an alembic_version of theirs
NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class Words(TypeDecorator[str]):
    """Text that may hold zero bytes, as consoles do and PostgreSQL's does not: they are written as DLE and a letter."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        """Return what goes into the database."""
        return value if value is None else value.replace("\x10", "\x10P").replace("\0", "\x10@")

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        """Return what came out as it went in."""
        if value is None or "\x10" not in value:
            return value
        return re.sub("\x10(.)", lambda found: "\0" if found[1] == "@" else "\x10", value)


class Strings(TypeDecorator[tuple[str, ...]]):
    """A tuple of strings as a JSON array."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: tuple[str, ...] | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        """Return what goes into the database: ASCII."""
        return None if value is None else json.dumps(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> tuple[str, ...] | None:  # noqa: ARG002
        """Return what came out as it went in."""
        return None if value is None else tuple(json.loads(value))


NUMBER = BigInteger().with_variant(Integer, "sqlite")  # only an INTEGER key of SQLite's counts by itself


class Row(DeclarativeBase):
    """A row of any table."""

    metadata = MetaData(naming_convention=NAMES)
    type_annotation_map = {str: Words(), int: NUMBER, float: Double(), tuple[str, ...]: Strings(), bytes: LargeBinary()}  # noqa: RUF012


def key(*parts: str) -> str:
    """Return what stands for `parts` in an index, which takes no text of any length."""
    return sha256("\0".join(parts).encode(errors="surrogatepass")).hexdigest()


# ---- nights


class NightRow(Row):
    """A night."""

    __tablename__ = "night"
    id: Mapped[str] = mapped_column(primary_key=True)
    began: Mapped[str] = mapped_column(index=True)
    ended: Mapped[str]
    deadline: Mapped[str]
    host: Mapped[str]
    state: Mapped[str]
    notes: Mapped[tuple[str, ...]]


class TipRow(Row):
    """What a kernel was in a night."""

    __tablename__ = "tip"
    night: Mapped[str] = mapped_column(ForeignKey("night.id"), primary_key=True)
    kernel: Mapped[str] = mapped_column(primary_key=True, index=True)
    commit: Mapped[str]
    subject: Mapped[str]
    base: Mapped[str]
    base_commit: Mapped[str]
    tree: Mapped[str]


class JobRow(Row):
    """A part of a night."""

    __tablename__ = "job"
    night: Mapped[str] = mapped_column(ForeignKey("night.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    kind: Mapped[str]
    kernel: Mapped[str]
    profile: Mapped[str]
    shape: Mapped[str]
    workloads: Mapped[tuple[str, ...]]
    expected: Mapped[float]
    taken: Mapped[float | None]
    state: Mapped[str]
    run: Mapped[str] = mapped_column(index=True)  # which may not be taken yet, or never was one
    why: Mapped[str]
    title: Mapped[str]


class NoteRow(Row):
    """A small fact."""

    __tablename__ = "note"
    key: Mapped[str] = mapped_column(primary_key=True)
    text: Mapped[str]


# ---- runs


class RunRow(Row):
    """A run: where it belongs, and what its trials had in common."""

    __tablename__ = "run"
    id: Mapped[str] = mapped_column(primary_key=True)
    night: Mapped[str | None] = mapped_column(ForeignKey("night.id"), index=True)  # none: it was made by hand
    kernel: Mapped[str]
    profile: Mapped[str]
    shape: Mapped[str]
    began: Mapped[str] = mapped_column(index=True)
    seconds: Mapped[float]
    directory: Mapped[str]
    verdict: Mapped[str]
    host: Mapped[str]
    accel: Mapped[str]
    clock: Mapped[str]
    vcpus: Mapped[int]
    threads: Mapped[int]
    memory_mib: Mapped[int]
    cmdline: Mapped[tuple[str, ...]]
    image: Mapped[str]
    qemu: Mapped[str]
    seed: Mapped[int]
    stress: Mapped[int | None]  # seconds per workload and trial
    __table_args__ = (Index(None, "kernel", "profile", "shape"),)


class BodyRow(Row):
    """A run as it is kept in its directory, in a table by itself so that looking through runs does not read it."""

    __tablename__ = "body"
    run: Mapped[str] = mapped_column(ForeignKey("run.id"), primary_key=True)
    json: Mapped[bytes]


class BuildRow(Row):
    """The kernel of a side of a run."""

    __tablename__ = "build"
    run: Mapped[str] = mapped_column(ForeignKey("run.id"), primary_key=True)
    side: Mapped[str] = mapped_column(primary_key=True)
    own: Mapped[bool]  # the kernel that the run is about, not what it is compared with
    kernel: Mapped[str]
    built: Mapped[bool]  # it compiles
    digest: Mapped[str] = mapped_column(index=True)
    release: Mapped[str]
    tree: Mapped[str]
    config: Mapped[str]
    compiler: Mapped[str]
    seconds: Mapped[float]  # that building took when it was built
    taken: Mapped[float]  # that this run spent on it: next to nothing if it was there


class TrialRow(Row):
    """A boot."""

    __tablename__ = "trial"
    id: Mapped[int] = mapped_column(primary_key=True)
    run: Mapped[str] = mapped_column(ForeignKey("run.id"))
    side: Mapped[str]
    own: Mapped[bool]  # of the kernel that the run is about
    index: Mapped[int]
    kernel: Mapped[str]
    end: Mapped[str]
    console: Mapped[str]
    ready_seconds: Mapped[float]
    seconds: Mapped[float]
    began: Mapped[float]
    dropped: Mapped[int]
    __table_args__ = (UniqueConstraint("run", "side", "index"),)


class OutcomeRow(Row):
    """What a workload did in a boot."""

    __tablename__ = "outcome"
    trial: Mapped[int] = mapped_column(ForeignKey("trial.id"), primary_key=True, autoincrement=False)
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    workload: Mapped[str]
    status: Mapped[str]
    seconds: Mapped[float]
    iterations: Mapped[int]
    l2_entries: Mapped[int]
    able: Mapped[bool]  # it could have shown something: see compare.valid
    reported: Mapped[bool]  # the kernel complained under it
    __table_args__ = ({"sqlite_with_rowid": False},)


class SightingRow(Row):
    """A finding that showed in a boot, and under which workload."""

    __tablename__ = "sighting"
    trial: Mapped[int] = mapped_column(ForeignKey("trial.id"), primary_key=True, autoincrement=False)
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    workload: Mapped[str]
    title: Mapped[str]  # of the finding; "" if the profile knows it, so that it is none


class FindingRow(Row):
    """A finding of a run."""

    __tablename__ = "finding"
    run: Mapped[str] = mapped_column(ForeignKey("run.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    title: Mapped[str]
    type: Mapped[str]
    status: Mapped[str]
    workload: Mapped[str]
    base_hits: Mapped[int]
    base_trials: Mapped[int]
    patched_hits: Mapped[int]
    patched_trials: Mapped[int]
    json: Mapped[bytes]  # all of it


# ---- metrics


class MeasureRow(Row):
    """Which metric of which workload at which place, of the kernel itself or of what it is compared with."""

    __tablename__ = "measure"
    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(unique=True)
    own: Mapped[bool]
    kernel: Mapped[str]
    profile: Mapped[str]
    shape: Mapped[str]
    workload: Mapped[str]
    name: Mapped[str]
    unit: Mapped[str]
    kind: Mapped[str]
    __table_args__ = (Index(None, "kernel", "profile", "shape"),)


class PointRow(Row):
    """What a boot measured, divided by its operations if it is a sum over any."""

    __tablename__ = "point"
    measure: Mapped[int] = mapped_column(ForeignKey("measure.id"), primary_key=True, autoincrement=False)
    trial: Mapped[int] = mapped_column(ForeignKey("trial.id"), primary_key=True, autoincrement=False)
    value: Mapped[float]
    __table_args__ = ({"sqlite_with_rowid": False},)  # points of a metric lie side by side


class ChangeRow(Row):
    """A step in a metric."""

    __tablename__ = "change"
    measure: Mapped[int] = mapped_column(ForeignKey("measure.id"), primary_key=True, autoincrement=False)
    night: Mapped[str] = mapped_column(ForeignKey("night.id"), primary_key=True, index=True)
    before: Mapped[float]
    after: Mapped[float]
    p_value: Mapped[float | None]
    good: Mapped[str]
    bad: Mapped[str]


# ---- regressions


class RegressionRow(Row):
    """A finding of a kernel over the nights."""

    __tablename__ = "regression"
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    key: Mapped[str] = mapped_column(unique=True)  # of kernel and title
    kernel: Mapped[str] = mapped_column(index=True)
    title: Mapped[str]
    alt_titles: Mapped[tuple[str, ...]]
    type: Mapped[str]
    standing: Mapped[str]
    open: Mapped[bool]
    profiles: Mapped[tuple[str, ...]]
    shapes: Mapped[tuple[str, ...]]
    workloads: Mapped[tuple[str, ...]]
    opened: Mapped[str]
    first_seen: Mapped[str]
    last_seen: Mapped[str]
    closed: Mapped[str]
    good: Mapped[str]
    bad: Mapped[str]
    culprit: Mapped[str]
    odds: Mapped[float | None]
    bisection: Mapped[str]
    run: Mapped[str]
    console: Mapped[str]
    offset: Mapped[int]
    example: Mapped[str]


class ObservationRow(Row):
    """How often a regression showed in a night."""

    __tablename__ = "observation"
    regression: Mapped[int] = mapped_column(ForeignKey("regression.number"), primary_key=True, autoincrement=False)
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)  # the oldest is 0
    night: Mapped[str]
    commit: Mapped[str]
    hits: Mapped[int]
    trials: Mapped[int]
    runs: Mapped[tuple[str, ...]]
