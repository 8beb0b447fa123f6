"""Databases to try the memory on: SQLite, and a real PostgreSQL server."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.orm import Session

from rig.memory import database
from rig.memory.database import Database

NUMBERS = count(1)


def _program(name: str) -> str:
    """Return a program of the server's, which Debian keeps out of PATH; "" if there is none."""
    there = (str(path) for path in sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), reverse=True))
    return shutil.which(name) or next(there, "")


def _somebody(directory: Path) -> tuple[str, ...]:
    """Return how to start a program of the server's, which refuses to be root; `directory` becomes its own."""
    dies_with_us = ("setpriv", "--pdeathsig", "QUIT")
    if os.geteuid():
        return dies_with_us
    users = {each.pw_name: each for each in pwd.getpwall()}
    user = users.get("postgres") or users["nobody"]
    os.chown(directory, user.pw_uid, user.pw_gid)
    return (*dies_with_us, "--reuid", str(user.pw_uid), "--regid", str(user.pw_gid), "--clear-groups")


@contextmanager
def _running(initdb: str, postgres: str) -> Iterator[Path]:
    """Yield the directory with the socket of a server that takes connections."""
    with tempfile.TemporaryDirectory(prefix="rig-pg-", dir="/tmp") as name:
        start, data = _somebody(Path(name)), f"{name}/data"
        making = (*start, initdb, "-D", data, "-U", "rig", "--auth=trust", "--encoding=UTF8", "--no-sync")
        subprocess.run(making, check=True, capture_output=True, cwd=name)
        settings = ("listen_addresses=", "fsync=off", "shared_buffers=16MB", "log_min_messages=log")
        options = [word for setting in settings for word in ("-c", setting)]
        argv = (*start, postgres, "-D", data, "-k", name, *options)
        with subprocess.Popen(argv, stderr=subprocess.PIPE, text=True, cwd=name) as server:
            assert server.stderr
            try:
                said = []
                for line in server.stderr:
                    said.append(line)
                    if "ready to accept connections" in line:
                        break
                else:
                    pytest.fail("".join(said))
                yield Path(name)
            finally:
                server.terminate()
                server.communicate()


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Path]:
    """A PostgreSQL server of our own; where there is none tests are skipped, but not in CI."""
    initdb, postgres = _program("initdb"), _program("postgres")
    if not initdb or not postgres:
        if os.environ.get("CI"):
            pytest.fail("no PostgreSQL server here: apt-get install postgresql")
        pytest.skip("no PostgreSQL server here")
    with _running(initdb, postgres) as socket:
        yield socket


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where there is a database of that kind, with nothing in it."""
    if request.param == "sqlite":
        return str(tmp_path / "memory.sqlite")
    return fresh(request.getfixturevalue("postgresql"))


def fresh(socket: Path) -> str:
    """Return the URL of a new database of the server."""
    name = f"memory{next(NUMBERS)}"
    with psycopg.connect(host=str(socket), user="rig", dbname="postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return f"postgresql://rig@/{name}?host={socket}"


@pytest.fixture
def memory(url: str) -> Iterator[Database]:
    """A memory with nothing in it."""
    with database.opened(url) as found:
        yield found


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def standing(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """A memory with nothing in it that stays: no test may commit to it."""
    if request.param == "sqlite":
        where = str(tmp_path_factory.mktemp("memory") / "memory.sqlite")
    else:
        where = fresh(request.getfixturevalue("postgresql"))
    with database.opened(where) as found:
        yield found


@pytest.fixture
def session(standing: Database) -> Iterator[Session]:
    """A session that may write; nothing of it is kept."""
    with Session(standing.engine) as found:
        yield found
