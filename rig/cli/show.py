"""`rig show`: a stored run again."""

from typing import Any

import click

from rig import store
from rig.cli import exports, stdout
from rig.render import terminal
from rig.render.formats import FORMATS


@click.command()
@click.argument("run", metavar="RUN", default="latest")
@click.option("--format", "form", type=click.Choice(["text", *FORMATS]), default="text", show_default=True)
@exports.extras
def command(run: str, form: str, **given: Any) -> None:
    """Show RUN (an id of `rig ls`, the end of one, a run directory; default: the latest).

    \b
    rig show
    rig show 20260101-120000-ab12 --format json
    rig show ab12 --format markdown | gh pr comment 7 --body-file -
    rig show ab12 --format mail --reported-by 'Me <me@example.org>'
    """
    directory = store.location(run)
    kept = store.read(directory)
    if form == "text":
        stdout().print(terminal.summary(kept, str(directory)))
    else:
        click.echo(exports.text(form, kept, directory, given), nl=False)
