"""`rig show`: a stored run again."""

import click

from rig import store
from rig.cli import stdout
from rig.render import document, terminal


@click.command()
@click.argument("run", metavar="RUN", default="latest")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def command(run: str, form: str) -> None:
    """Show RUN (an id of `rig ls`, the end of one, a run directory; default: the latest).

    \b
    rig show
    rig show 20260101-120000-ab12 --format json
    """
    directory = store.location(run)
    kept = store.read(directory)
    if form == "json":
        click.echo(document.to_json(kept), nl=False)
    else:
        stdout().print(terminal.summary(kept, str(directory)))
