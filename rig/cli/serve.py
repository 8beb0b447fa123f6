"""`rig serve`: the site, for a quick look."""

import webbrowser
from pathlib import Path

import click

from rig import paths, serving, site
from rig.cli import options
from rig.memory.database import opened

PORT = 8642


@click.command()
@click.argument("directory", type=click.Path(file_okay=False, path_type=Path), required=False)
@options.database
@options.site
@click.option("--port", type=click.IntRange(0, 65535), default=PORT, show_default=True, help="0 for any that is free")
@click.option("--open", "show", is_flag=True, help="open a browser")
def command(directory: Path | None, database: str, nights: int, reports: bool, port: int, show: bool) -> None:
    """Bring the pages of `rig site` up to date and serve them on this host, until Ctrl-C.

    \b
    rig serve --open
    rig serve --port 0
    ssh -L 8642:localhost:8642 lab rig serve
    """
    with serving.server(directory or paths.site(), port) as served:
        with opened(database) as memory:
            site.build(memory, directory, last=nights, reports=reports)
        click.echo(serving.url(served))
        if show:
            webbrowser.open(serving.url(served))  # it is the user's own, and outlives the rig
        try:
            served.serve_forever()
        except KeyboardInterrupt:
            click.echo("", err=True)
