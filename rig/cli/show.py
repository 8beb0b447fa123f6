"""`rig show`: a stored run again."""

import click

from rig import store
from rig.cli import stdout
from rig.render import document, page, terminal


@click.command()
@click.argument("run", metavar="RUN", default="latest")
@click.option("--format", "form", type=click.Choice(["text", "json", "html"]), default="text", show_default=True)
def command(run: str, form: str) -> None:
    """Show RUN (an id of `rig ls`, the end of one, a run directory; default: the latest).

    \b
    rig show
    rig show 20260101-120000-ab12 --format json
    rig show ab12 --format html > report.html
    """
    directory = store.location(run)
    kept = store.read(directory)
    if form == "json":
        click.echo(document.to_json(kept), nl=False)
    elif form == "html":
        click.echo(page.render(kept, store.Consoles(directory)), nl=False)
    else:
        stdout().print(terminal.summary(kept, str(directory)))
