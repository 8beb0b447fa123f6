"""`rig site`: what nights left, as static pages."""

import json
from typing import Any

import click

from rig.cli import pages
from rig.site import Built


@click.command()
@pages.said
@click.option("--json", "as_json", is_flag=True, help="say as one JSON object what was done")
def command(as_json: bool, **given: Any) -> None:
    """Write pages of the nights into DIRECTORY (default: ~/.local/state/rig/site): to be opened from disk, or served.

    Only pages in which something changed are written; those of what is gone are removed.

    \b
    rig site
    rig site /srv/www/rig --no-reports
    rig site --json | jq .written
    """
    built = pages.build(given)
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
