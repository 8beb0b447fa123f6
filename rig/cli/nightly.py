"""`rig nightly`: what a night is long enough for, and what it brought."""

import asyncio
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, NoReturn

import click

from rig import paths, plan, yamlfile
from rig.cli import live, options, stdout, wait_for
from rig.cli.compare import command_line
from rig.errors import Exit
from rig.experiment import Overrides
from rig.memory import database, nights
from rig.memory.database import Database
from rig.memory.values import Job, Night
from rig.nightly import evening, guard, watchman
from rig.nightly.evening import Asked
from rig.nightly.matrix import NightlyFile
from rig.nightly.morning import Morning
from rig.render import news, nightly


@click.command()
@click.option(
    "--plan",
    "file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="what a night consists of; default: configs/nightly.yaml",
)
@click.option("--deadline", metavar="TIME", help='when it has to be over: "06:00", or after 4h; default: the plan\'s')
@options.database
@options.jobs
@options.accel
@click.option("--unfinished", is_flag=True, help="go on with a night that was interrupted, but begin none")
@click.option("-n", "--dry-run", is_flag=True, help="say what would be done, in what order and how long, and stop")
@click.option("--json", "as_json", is_flag=True, help="say it as JSON")
@options.quiet
@options.verbose
def command(file: Path | None, dry_run: bool, **given: Any) -> None:
    """Run what a night is long enough for: kernels times profiles times guest shapes times workloads.

    Each kernel's tip is compared with its release; what is new is confirmed, kept as a regression, and its commit
    searched for. A night that was interrupted, by Ctrl-C, kill or a power cut, goes on where it was when this is run
    again before its deadline. One at a time runs on a host.

    Exit status: 0 nothing opened, 1 a regression opened, 2 bad input, 4 host fault.

    \b
    rig nightly --dry-run
    rig nightly --plan ~/kvm-nightly.yaml
    rig nightly --unfinished                        after a reboot
    rig nightly --deadline 2h --database postgresql://rig@db/rig
    rig history 'WARNING in kvm_*'
    """
    read, path = plan.nightly_file(file)
    if given["deadline"]:
        read = yamlfile.check(NightlyFile, {**read.model_dump(), "deadline": given["deadline"]}, "--deadline")
    evening.check(read, path)
    asked = Asked(
        file=read,
        path=path,
        overrides=Overrides(jobs=given["jobs"], accel=given["accel"]),
        command=command_line(),
    )
    with database.opened(given["database"] or _database(read, path)) as memory:
        (_show if dry_run else _carry_out)(asked, memory, given)


def _database(file: NightlyFile, path: Path) -> str:
    """Return the database that a plan names: a URL, or a file meant from its directory; "" for none."""
    named = file.database
    return named if not named or "://" in named else str(path.parent / Path(named).expanduser())


def _show(asked: Asked, memory: Database, given: dict[str, Any]) -> None:
    with live.shown(quiet=given["quiet"] or given["as_json"]) as progress:
        planned, jobs = wait_for(evening.foretell(asked, memory, progress))
    _say(planned, jobs, given)


def _say(night: Night, jobs: tuple[Job, ...], given: dict[str, Any]) -> None:
    if given["as_json"]:
        click.echo(nightly.to_json(night, jobs))
    else:
        stdout().print(nightly.table(night, jobs))


def _carry_out(asked: Asked, memory: Database, given: dict[str, Any]) -> NoReturn:
    alone = guard.alone(paths.nightly() / "lock", asked.command)
    with alone, live.shown(quiet=given["quiet"], verbose=given["verbose"]) as shown:
        done = _waited_for(watchman.whole(asked, memory, shown, only_left=given["unfinished"]))
    if not done:
        click.echo("no night was interrupted")
        sys.exit(Exit.CLEAN)
    with memory.reading() as session:
        _say(done.news.night, nights.jobs(session, done.news.night.id), given)
    if not given["as_json"]:
        click.echo(news.text(done.news, asked.file.tell.site))
    sys.exit(Exit.INTRODUCED if done.news.of("new", "came back", "confirmed") else Exit.CLEAN)


def _waited_for(work: Coroutine[Any, Any, Morning | None]) -> Morning | None:
    try:
        return wait_for(work)
    except (KeyboardInterrupt, asyncio.CancelledError):
        click.echo("rig: `rig nightly` goes on with this night until its deadline", err=True)
        raise
