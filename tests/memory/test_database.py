import signal
import sqlite3
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from rig import paths
from rig.errors import Exit, HostError, InputError
from rig.memory import database, nights, runs
from rig.memory.database import Database
from rig.memory.tables import SCHEMA, VERSIONS, BodyRow, OutcomeRow, Row, RunRow

ROOT = Path(__file__).parent.parent.parent


def other(url: str, body: str) -> subprocess.Popen[str]:
    """Start another rig that does `body` with `memory`; it says what it prints."""
    lines = (
        "import os, signal, sys",
        "from rig.memory import database, nights",
        "with database.opened(sys.argv[1]) as memory:",
        textwrap.indent(textwrap.dedent(body), "    "),
    )
    argv = (sys.executable, "-c", "\n".join(lines), url)
    return subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)


def _let_go(rigs: list[subprocess.Popen[str]]) -> None:
    """Wait until all are ready, have them begin at once, and wait for their ends."""
    for rig in rigs:
        assert rig.stdout
        rig.stdout.readline()
    for rig in rigs:
        assert rig.stdin
        rig.stdin.write("\n")
        rig.stdin.flush()
    for rig in rigs:
        rig.communicate()


def note(memory: Database, key: str) -> str:
    with memory.reading() as session:
        return nights.note(session, key)


# ---- the schema


def test_migrated_from_nothing_is_what_the_tables_say(memory: Database) -> None:
    with memory.engine.connect() as connection:
        options = {"compare_type": True, "version_table": VERSIONS}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, Row.metadata) == []


def test_the_tables_are_those_of_the_newest_migration() -> None:
    config = Config()
    config.set_main_option("script_location", str(database.MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_heads() == [SCHEMA]


def test_what_was_kept_is_there_when_it_is_opened_again(url: str) -> None:
    with database.opened(url) as memory, memory.session() as session:
        nights.save_note(session, "told", "2026-01-01")
    with database.opened(url) as memory:
        assert note(memory, "told") == "2026-01-01"


def test_a_database_of_a_newer_rig_is_left_alone(url: str) -> None:
    with database.opened(url) as memory, memory.engine.begin() as connection:
        connection.execute(sa.text(f"UPDATE {VERSIONS} SET version_num = '9999'"))
    with pytest.raises(InputError, match="newer rig") as caught, database.opened(url):
        pass
    assert "update rig" in caught.value.hint


def test_tables_of_somebody_else_are_left_alone(url: str) -> None:
    with database.opened(url) as memory, memory.engine.begin() as connection:
        connection.execute(sa.text(f"DROP TABLE {VERSIONS}"))
    with pytest.raises(InputError, match="something else"), database.opened(url):
        pass


def test_a_memory_is_made_once_by_many_that_open_it_at_once(url: str) -> None:
    ready = "import sys, alembic.command; from rig.memory import database; print(flush=True); sys.stdin.readline()"
    argv = (sys.executable, "-c", f"{ready}\nwith database.opened(sys.argv[1]): pass", url)
    rigs = [subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) for _ in "123"]
    _let_go(rigs)
    assert [rig.returncode for rig in rigs] == [0, 0, 0]


def test_a_file_that_another_is_just_making_is_waited_for(tmp_path: Path) -> None:
    file = tmp_path / "memory.sqlite"
    other = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    later = threading.Timer(0.3, other.rollback)
    later.start()
    with database.opened(str(file)) as memory, memory.session() as session:
        nights.save_note(session, "made", "yes")
    later.join()
    other.close()
    assert not later.is_alive()


# ---- several rigs


def test_two_rigs_write_at_once(memory: Database, url: str) -> None:
    body = """
    print(flush=True)
    sys.stdin.readline()
    for number in range(15):
        with memory.session() as session:
            nights.save_note(session, "count", str(int(nights.note(session, "count") or 0) + 1))
    """
    rigs = [other(url, body) for _ in range(2)]
    _let_go(rigs)
    assert [rig.returncode for rig in rigs] == [0, 0]
    assert note(memory, "count") == "30"


def test_a_rig_that_dies_in_a_transaction_leaves_nothing_of_it(memory: Database, url: str) -> None:
    with memory.session() as session:
        nights.save_note(session, "before", "there")
    body = """
    with memory.session() as session:
        nights.save_note(session, "before", "changed")
        nights.save_note(session, "half", "done")
        session.flush()
        os.kill(os.getpid(), signal.SIGKILL)
    """
    rig = other(url, body)
    rig.communicate()
    assert rig.returncode == -signal.SIGKILL
    assert (note(memory, "before"), note(memory, "half")) == ("there", "")
    with memory.session() as session:
        nights.save_note(session, "after", "goes on")
    if memory.engine.dialect.name == "sqlite":
        with memory.engine.connect() as connection:
            assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"


def test_what_was_taken_in_before_a_rig_died_is_whole(memory: Database, url: str) -> None:
    body = """
    from tests import values
    from rig.memory import runs
    for number in range(1000):
        with memory.session() as session:
            runs.take(session, values.run(id=str(number), trials=(values.trial("patched"),)), "/r")
        print(number, flush=True)
    """
    rig = other(url, body)
    assert rig.stdout
    for _ in range(5):
        rig.stdout.readline()
    rig.kill()
    said = [*range(5), *map(int, rig.communicate()[0].split())]
    with memory.reading() as session:
        counts = [
            session.scalar(sa.select(sa.func.count()).select_from(each)) for each in (RunRow, BodyRow, OutcomeRow)
        ]
        kept = runs.run(session, str(said[-1]))
    assert kept
    assert counts in ([len(said)] * 3, [len(said) + 1] * 3)  # the last one may have been kept, and not told


def test_a_rig_that_waits_in_vain_says_so(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "PATIENCE", 0.2)
    with database.opened(url) as memory, memory.session() as first:
        nights.note(first, "told")  # who may write has its turn from its first question on
        with pytest.raises(HostError, match="another rig writes"), memory.session() as second:
            nights.save_note(second, "told", "y")


def test_reading_does_not_wait_for_who_writes(memory: Database, url: str) -> None:
    with memory.session() as session:
        nights.save_note(session, "told", "before")
    body = """
    with memory.session() as session:
        nights.save_note(session, "told", "after")
        print("writing", flush=True)
        sys.stdin.readline()
    """
    rig = other(url, body)
    assert rig.stdout
    assert rig.stdout.readline() == "writing\n"
    assert note(memory, "told") == "before"
    rig.communicate("\n")
    assert note(memory, "told") == "after"


def test_what_fails_leaves_nothing(memory: Database) -> None:
    with pytest.raises(ZeroDivisionError), memory.session() as session:
        nights.save_note(session, "half", "done")
        session.flush()
        raise ZeroDivisionError
    assert note(memory, "half") == ""


def test_what_is_committed_is_on_the_disk(tmp_path: Path) -> None:
    with database.opened(str(tmp_path / "m.sqlite")) as memory, memory.engine.connect() as connection:
        said = {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("synchronous", "journal_mode")}
    assert said == {"synchronous": 2, "journal_mode": "wal"}  # 2 is FULL


# ---- where


def test_the_users_own_is_a_file_beside_the_runs(own_dirs: Path) -> None:
    with database.opened() as memory:
        assert memory.name == str(paths.memory())
    assert paths.memory().parent == paths.runs().parent


def test_a_url_of_sqlite_is_taken_too(tmp_path: Path) -> None:
    with database.opened(f"sqlite:///{tmp_path}/m.sqlite") as memory:
        assert memory.name == f"{tmp_path}/m.sqlite"


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("no database, but long enough that a header could be in it" * 10)
    with pytest.raises(InputError, match=r"notes\.txt: file is not a database") as caught, database.opened(str(file)):
        pass
    assert "--database" in caught.value.hint
    assert file.read_text().startswith("no database")


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(HostError, match="can't be made"), database.opened(str(tmp_path / "file" / "m.sqlite")):
        pass


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(HostError, match="unable to open") as caught, database.opened(str(tmp_path)):
        pass
    assert "written" in caught.value.hint


def test_a_server_that_does_not_answer_is_named_without_its_password(tmp_path: Path) -> None:
    url = f"postgresql://rig:hush@/memory?host={tmp_path}"
    with pytest.raises(HostError, match="rig:\\*\\*\\*@") as caught, database.opened(url):
        pass
    assert "hush" not in str(caught.value)
    assert caught.value.exit_status == Exit.UNDECIDED


def test_what_speaks_postgresql_may_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(HostError, match="without psycopg") as caught, database.opened("postgresql://rig@/memory"):
        pass
    assert "pip install" in caught.value.hint


@pytest.mark.parametrize("url", ["mysql://host/memory", "postgresql://host:port/memory", "sqlite://", "x://"])
def test_a_url_that_is_none_of_ours_is_bad_input(url: str) -> None:
    with pytest.raises(InputError), database.opened(url):
        pass
