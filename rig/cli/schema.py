"""`rig schema`: what the JSON of a run looks like."""

import click

from rig.render import document


@click.command()
def command() -> None:
    """Print the JSON Schema of what `rig compare --json` and `rig show --format json` write.

    \b
    rig schema > rig.schema.json
    """
    click.echo(document.schema(), nl=False)
