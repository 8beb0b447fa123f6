"""`rig gc`: free disk space."""

import click

from rig import gc


@click.command()
@click.option("--days", type=float, default=14, show_default=True, help="keep what was used in the last DAYS")
@click.option("--all", "everything", is_flag=True, help="remove the whole cache and all runs")
@click.option("-n", "--dry-run", is_flag=True, help="say what would go, remove nothing")
def command(days: float, everything: bool, dry_run: bool) -> None:
    """Remove interrupted runs, and kernels, sources and images that were not used for a while.

    Finished runs stay, unless --all is given. What is in use by a running rig stays.

    \b
    rig gc --dry-run
    rig gc --days 3
    """
    items = gc.garbage(days=days, everything=everything)
    for item in items:
        click.echo(f"{item.bytes / 1e6:9.1f} MB  {item.path}  ({item.why})")
        if not dry_run:
            gc.remove(item)
    total = sum(item.bytes for item in items) / 1e6
    click.echo(f"{total:9.1f} MB {'would be' if dry_run else ''} freed".replace("  freed", " freed"))
