"""`rig export`: all of the memory as lines of JSON."""

from pathlib import Path

import click

from rig.cli import options
from rig.errors import HostError
from rig.memory import database, exchange


@click.command()
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="write here instead of to stdout")
@options.database
def command(output: Path | None, **given: str | None) -> None:
    """Write all that is remembered of nights as lines of JSON, for `rig import`, a backup, or programs of your own.

    Each line is an object of one key, which says what it is: night, tip, job, note, run, changes, regression. It is the
    memory as it was when this began, whatever is written meanwhile.

    \b
    rig export --output memory.jsonl
    rig export | rig import - --database postgresql://rig@db/rig
    rig export | jq -r '.regression // empty | select(.open) | .title'
    """
    with database.opened(given["database"] or "") as memory, memory.reading() as session:
        if output is None:
            for line in exchange.export(session):
                click.echo(line)
            return
        partial = output.with_name(f"{output.name}.partial")
        try:
            with partial.open("w") as file:
                file.writelines(f"{line}\n" for line in exchange.export(session))
            partial.rename(output)
        except OSError as error:
            partial.unlink(missing_ok=True)
            raise HostError(f"{output}: {error.strerror}") from error
