"""`rig run`: one kernel alone."""

from typing import Any

import click

from rig.cli import exports, options
from rig.cli.compare import carry_out


@click.command()
@click.argument("kernel", metavar="KERNEL")
@options.experiment("default")
@exports.options
@click.option("--dry-run", is_flag=True, help="print the plan and stop")
def command(kernel: str, dry_run: bool, **given: Any) -> None:
    """Build KERNEL, stress it in nested-KVM guests and list what it shows.

    Exit status: 0 nothing, 1 something, 2 bad input, 3 no build or patch, 4 host fault or undecided.

    \b
    rig run patched --repeats 1
    rig run arch/x86/boot/bzImage --workload vm-teardown
    """
    carry_out(kernel, None, given, dry_run=dry_run)
