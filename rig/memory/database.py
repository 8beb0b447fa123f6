"""The database of the memory: opened, migrated, and errors that say the way out."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event, exc
from sqlalchemy.orm import Session

from rig import paths
from rig.errors import HostError, InputError, RigError
from rig.memory.tables import SCHEMA, VERSIONS, Row

MIGRATIONS = Path(__file__).parent / "migrations"
PATIENCE = 600.0  # seconds that a rig waits for another that writes: an import of a whole memory takes minutes
REACHED = 10  # seconds within which a server answers
LOCK = 0x726967  # "rig": what writers take turns by in PostgreSQL
OTHER = "--database or $RIG_DATABASE names another one: a file, or postgresql://USER@HOST/NAME"


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """A memory that is open. `name` is its URL as it may be shown."""

    name: str
    engine: sa.Engine

    @contextmanager
    def session(self) -> Iterator[Session]:
        """Yield a session of one transaction that may write: it waits for other writers, and is whole or not at all."""
        with _told(self.name), Session(self.engine, expire_on_commit=False) as made, made.begin():
            yield made

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Yield a session that sees the memory as it is now and waits for nobody."""
        with _told(self.name), Session(_reader(self.engine)) as made, made.begin():
            yield made


@contextmanager
def opened(url: str = "") -> Iterator[Database]:
    """Yield the memory at `url`: a database URL, a file's path, or "" for the user's own.

    It is made if there is none, and migrated if it is of an earlier version. Raises InputError if it is of a newer
    one, or no memory at all; HostError if it can't be reached or written.
    """
    where = _url(url)
    name = (where.database or "") if _is_file(where) else where.render_as_string(hide_password=True)
    with _told(name):
        engine = _engine(where)
    try:
        with _told(name):
            _migrate(engine, name)
        yield Database(name=name, engine=engine)
    finally:
        engine.dispose()


# ---- where


def _url(text: str) -> sa.URL:
    """Return what `text` names; raises InputError."""
    if "://" not in text:
        file = Path(text).expanduser() if text else paths.memory()
        return sa.URL.create("sqlite", database=str(file))
    try:
        url = sa.make_url(text)
    except (exc.ArgumentError, ValueError) as error:
        raise InputError("the database's URL can't be read", hint=OTHER) from error
    if url.get_backend_name() == "postgresql":
        return url.set(drivername="postgresql+psycopg")
    if url.drivername == "sqlite" and url.database:
        return url
    raise InputError(f"no memory can be kept in {url.drivername}", hint=OTHER)


def _is_file(url: sa.URL) -> bool:
    return url.get_backend_name() == "sqlite"


def _engine(url: sa.URL) -> sa.Engine:
    if _is_file(url):
        return _sqlite(url)
    try:
        engine = sa.create_engine(url, pool_pre_ping=True, connect_args={"connect_timeout": REACHED})
    except ImportError as error:
        hint = "pip install 'psycopg[binary]', or rig with its extra: 'rig[postgresql]'"
        raise HostError("PostgreSQL can't be spoken to without psycopg", hint=hint) from error
    event.listen(engine, "begin", _take_turns)
    return engine


def _sqlite(url: sa.URL) -> sa.Engine:
    directory = Path(url.database or "").parent
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise HostError(f"{directory}: can't be made: {error.strerror}", hint=OTHER) from error
    engine = sa.create_engine(url, connect_args={"timeout": PATIENCE})
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


def _prepare(connection: Any, _: object) -> None:
    """Set a SQLite connection up: others read while one writes, and what was committed outlives a power cut."""
    connection.isolation_level = None  # transactions are begun by us alone
    _write_ahead(connection)
    for setting in ("synchronous=FULL", "foreign_keys=ON", "cache_size=-65536"):
        connection.execute(f"PRAGMA {setting}").close()


def _write_ahead(connection: Any) -> None:
    """Have a file be written ahead of.

    While others open it for the first time, too, SQLite refuses that at once, whatever its patience.
    """
    end = time.monotonic() + PATIENCE
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL").close()
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > end:
                raise
            time.sleep(0.05)


def _begin(connection: sa.Connection) -> None:
    """Begin a transaction; a writer's at once, as one that reads first and then writes may find it is too late."""
    reads = connection.get_execution_options().get("reads", False)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


def _take_turns(connection: sa.Connection) -> None:
    """Have writers wait for each other in PostgreSQL too, until the transaction's end."""
    if not connection.get_execution_options().get("reads", False):
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{PATIENCE}s'")
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({LOCK})")


def _reader(engine: sa.Engine) -> sa.Engine:
    if engine.dialect.name == "sqlite":
        return engine.execution_options(reads=True)
    return engine.execution_options(reads=True, isolation_level="REPEATABLE READ", postgresql_readonly=True)


# ---- the schema


def _migrate(engine: sa.Engine, name: str) -> None:
    """Bring the tables to what this rig knows, unless they are that."""
    with _reader(engine).connect() as connection:
        if _version(connection) == SCHEMA:
            return
    with engine.begin() as connection:  # from here on nobody else writes
        version = _version(connection)
        if version is None and _taken(connection):
            raise InputError(f"{name}: is a database of something else", hint=OTHER)
        if version != SCHEMA:
            _upgrade(connection, name)


def _version(connection: sa.Connection) -> str | None:
    if not sa.inspect(connection).has_table(VERSIONS):
        return None
    found = connection.execute(sa.text(f"SELECT version_num FROM {VERSIONS}")).scalar()
    return str(found)


def _taken(connection: sa.Connection) -> bool:
    """Whether there are tables that are not ours, and would be in the way; a SQLite file should be ours alone."""
    there = set(sa.inspect(connection).get_table_names())
    return bool(there) if connection.dialect.name == "sqlite" else bool(there & Row.metadata.tables.keys())


def _upgrade(connection: sa.Connection, name: str) -> None:
    from alembic import command  # takes its time, and is needed once
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        hint = f"update rig, or leave it to the newer one; {OTHER}"
        raise InputError(f"{name}: was written by a newer rig", hint=hint) from error


# ---- errors


@contextmanager
def _told(name: str) -> Iterator[None]:
    """Turn what a database or its server complains of into an error of ours; mistakes of our own stay what they are."""
    try:
        yield
    except exc.DBAPIError as error:
        told = _ours(name, error)
        if told is None:
            raise
        raise told from error


def _ours(name: str, error: exc.DBAPIError) -> RigError | None:
    said = str(error.orig).strip()
    if "file is not a database" in said or "malformed" in said:
        return InputError(f"{name}: {said}", hint=f"see what it is, or keep a copy and remove it; {OTHER}")
    if "database is locked" in said or "lock timeout" in said:
        return HostError(f"{name}: another rig writes and does not end", hint="`ps aux | grep rig` may show which")
    if isinstance(error, exc.OperationalError):
        return HostError(
            f"{name}: {said}", hint=f"see that it can be reached and written, and the disk is not full; {OTHER}"
        )
    if "permission denied" in said:
        return HostError(f"{name}: {said}", hint="its owner can GRANT what is missing")
    return None
