"""`rig serve`: the site, for a quick look."""

import webbrowser
from typing import Any

import click

from rig import paths, serving
from rig.cli import pages

PORT = 8642


@click.command()
@pages.said
@click.option("--port", type=click.IntRange(0, 65535), default=PORT, show_default=True, help="0 for any that is free")
@click.option("--open", "show", is_flag=True, help="open a browser")
def command(port: int, show: bool, **given: Any) -> None:
    """Bring the pages of `rig site` up to date and serve them on this host, until Ctrl-C.

    \b
    rig serve --open
    rig serve --port 0
    ssh -L 8642:localhost:8642 lab rig serve
    """
    with serving.server(given["directory"] or paths.site(), port) as served:
        pages.build(given)
        click.echo(serving.url(served))
        if show:
            webbrowser.open(serving.url(served))  # it is the user's own, and outlives the rig
        try:
            served.serve_forever()
        except KeyboardInterrupt:
            click.echo("", err=True)
