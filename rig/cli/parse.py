"""`rig parse`: the reports in console logs."""

import sys
from contextlib import nullcontext, suppress

import click
from rich.console import Console

from rig.cli import logs
from rig.errors import Exit
from rig.render import parsed
from rig.render.parsed import Parsed

_FORM = click.Choice(["text", "json", "jsonl"])


@click.command()
@click.argument("names", metavar="LOG...", nargs=-1, required=True)
@click.option("--format", "form", type=_FORM, default="text", show_default=True)
@click.option("-f", "--follow", is_flag=True, help="go on reading a LOG that is being written, until Ctrl-C")
@click.pass_context
def command(context: click.Context, names: tuple[str, ...], form: str, follow: bool) -> None:
    """Name what the kernel complains of in console LOGs ("-" reads standard input).

    Titles are those of syzkaller and syzbot, so that a bug can be looked up by its title.
    Exits with 1 if there was a report, 0 if not, 2 if a log can't be read.

    \b
    rig parse console.log
    dmesg | rig parse -
    rig parse --follow /var/log/console/board7.log
    rig parse console.log --format json | jq -r '.reports[].title'
    rig parse consoles/*.log --format jsonl > reports.jsonl
    """
    if follow and (len(names) > 1 or form == "json"):
        raise click.UsageError("--follow reads one LOG and writes text or jsonl")
    read: list[Parsed] = []
    with suppress(KeyboardInterrupt) if follow else nullcontext():
        for log in logs.follow(names[0]) if follow else logs.read_all(names):
            read.append(log)
            _show(log, form, heading=not follow)
    if form == "json" and read:
        click.echo(parsed.as_json(read, several=len(names) > 1), nl=False)
    if len(read) < len(names) and not follow:
        context.exit(Exit.USAGE)
    context.exit(Exit.INTRODUCED if any(log.reports for log in read) else Exit.CLEAN)


def _show(log: Parsed, form: str, *, heading: bool) -> None:
    """Write a log as it comes, but for json, which is one document."""
    if form == "jsonl":
        click.echo(parsed.as_json_line(log), nl=False)
    elif form == "text":
        console = Console(highlight=False, soft_wrap=True)
        for text in (*([parsed.heading(log)] if heading else []), *map(parsed.as_text, log.reports)):
            console.print(text, end="")
    sys.stdout.flush()
