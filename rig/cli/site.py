"""`rig site`: what nights left, as static pages."""

import json
from pathlib import Path

import click

from rig import site
from rig.cli import options
from rig.memory.database import opened
from rig.site import Built


@click.command()
@click.argument("directory", type=click.Path(file_okay=False, path_type=Path), required=False)
@options.database
@options.site
@click.option("--json", "as_json", is_flag=True, help="say as one JSON object what was done")
def command(directory: Path | None, database: str, nights: int, reports: bool, as_json: bool) -> None:
    """Write pages of the nights into DIRECTORY (default: ~/.local/state/rig/site): to be opened from disk, or served.

    Only pages in which something changed are written; those of what is gone are removed.

    \b
    rig site
    rig site /srv/www/rig --no-reports
    rig site --json | jq .written
    """
    with opened(database) as memory:
        built = site.build(memory, directory, last=nights, reports=reports)
    click.echo(json.dumps(_document(built)) if as_json else _words(built))


def _document(built: Built) -> dict[str, object]:
    return {
        "directory": str(built.directory),
        "written": built.written,
        "unchanged": built.unchanged,
        "removed": built.removed,
        "reports": built.reports,
    }


def _words(built: Built) -> str:
    index = (built.directory / "index.html").absolute().as_uri()
    return f"{len(built.written)} pages written, {built.unchanged} unchanged, {len(built.removed)} removed\n{index}"
