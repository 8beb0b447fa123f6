"""`rig import`: what was kept elsewhere, into the memory."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TextIO

import click

from rig import store
from rig.cli import options
from rig.errors import InputError
from rig.memory import database, exchange, runs
from rig.memory.database import Database
from rig.render import wording


@click.command()
@click.argument("what", metavar="RUN|FILE...", nargs=-1, required=True)
@options.database
@click.option("--json", "as_json", is_flag=True, help="say what came in as JSON, one object an argument")
def command(what: tuple[str, ...], as_json: bool, **given: str | None) -> None:
    """Take kept runs into the memory of nights, or what `rig export` wrote (a file, or - for stdin).

    What is there already stays as it is or is brought up to date: importing twice does no harm. A run belongs to no
    night then; `rig history TITLE` shows what was found in it.

    \b
    rig import latest
    rig import $(rig ls --json | jq -r 'select(.verdict) | .id')
    rig export | rig import - --database postgresql://rig@db/rig
    """
    with database.opened(given["database"] or "") as memory:
        for name in what:
            counts = _take(memory, name)
            click.echo(json.dumps({"name": name, "imported": counts}) if as_json else _said(name, counts))


def _take(memory: Database, name: str) -> dict[str, int]:
    """Take a run or an export in, whole or not at all, and return how many of what are new or came with it."""
    if name == "-" or Path(name).is_file():
        with _lines(name) as lines, memory.session() as session:
            return exchange.take_in(session, lines, name)
    directory = store.location(name)
    run = store.read(directory)
    with memory.session() as session:
        return {"run": int(runs.take(session, run, str(directory.resolve())))}


@contextmanager
def _lines(name: str) -> Iterator[TextIO]:
    try:
        with nullcontext(sys.stdin) if name == "-" else Path(name).open() as lines:
            yield lines
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{name}: can't be read: {error}") from error


def _said(name: str, counts: dict[str, int]) -> str:
    nouns = {"changes": "stepping metric"}
    told = ", ".join(wording.many(number, nouns.get(kind, kind)) for kind, number in counts.items() if number)
    return f"{name}: {told or 'nothing new'}"
