"""`rig ls`: the stored runs."""

import json

import click

from rig import store
from rig.cli import stdout
from rig.render import terminal


@click.command()
@click.option("--json", "as_json", is_flag=True, help="one JSON object a line")
def command(as_json: bool) -> None:
    """List the runs that are kept, oldest first.

    \b
    rig ls
    rig ls --json | jq -r 'select(.verdict == "regression") | .id'
    """
    found = store.entries()
    if as_json:
        for entry in found:
            click.echo(json.dumps(terminal.listed(entry)))
    else:
        stdout().print(terminal.listing(found))
