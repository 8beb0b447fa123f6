"""`rig gc`: free disk space."""

import time
from collections.abc import Iterable, Iterator

import click

from rig import gc
from rig.cli import options
from rig.gc import Garbage


@click.command()
@click.option("--days", type=float, default=14, show_default=True, help="keep what was used in the last DAYS")
@click.option("--quota", type=options.size, metavar="SIZE", help="then go on until kernels and runs take no more: 20G")
@click.option("--all", "everything", is_flag=True, help="remove the whole cache and all runs")
@click.option("-n", "--dry-run", is_flag=True, help="say what would go, remove nothing")
def command(days: float, quota: int | None, everything: bool, dry_run: bool) -> None:
    """Remove interrupted runs, and kernels, sources and images that were not used for a while.

    Finished runs stay, unless --all or --quota is given: a quota takes kernels first, those used longest ago, then runs
    that found nothing, the oldest first; results and consoles of findings stay. What is in use by a running rig stays.

    \b
    rig gc --dry-run
    rig gc --days 3
    rig gc --quota 20G
    """
    items = [*_removed(gc.garbage(days=days, everything=everything), dry_run=dry_run)]
    items += _removed(gc.beyond(quota, time.time()), dry_run=dry_run) if quota is not None else ()
    total = sum(item.bytes for item in items) / 1e6
    click.echo(f"{total:9.1f} MB {'would be' if dry_run else ''} freed".replace("  freed", " freed"))


def _removed(items: Iterable[Garbage], *, dry_run: bool) -> Iterator[Garbage]:
    for item in items:
        click.echo(f"{item.bytes / 1e6:9.1f} MB  {item.path}  ({item.why})")
        if not dry_run:
            gc.remove(item)
        yield item
