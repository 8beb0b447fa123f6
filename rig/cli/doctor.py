"""`rig doctor`: what this host has and lacks."""

import json
import sys
from dataclasses import asdict

import click

from rig import doctor
from rig.cli import wait_for
from rig.errors import Exit


@click.command()
@click.option("--json", "as_json", is_flag=True, help="machine-readable output")
def command(as_json: bool) -> None:
    """Check this host for all the rig needs, by trying it, and say what to do about what is missing.

    Exit status: 0 if all is there, 4 if not.

    \b
    rig doctor
    rig doctor --json
    """
    checks = wait_for(doctor.examine())
    if as_json:
        click.echo(json.dumps({"checks": [asdict(check) for check in checks]}, indent=2))
    else:
        for check in checks:
            _say(check)
    sys.exit(Exit.CLEAN if all(check.ok for check in checks) else Exit.UNDECIDED)


def _say(check: doctor.Check) -> None:
    click.secho(f"{'ok' if check.ok else 'MISSING':8}", fg="green" if check.ok else "red", nl=False)
    click.echo(f"{check.name:15} {check.detail}")
    if check.fix and (not check.ok or check.name == "acceleration"):
        click.echo(f"{'':8}{'':15} {check.fix}")
