"""`rig parse`: the reports in console logs."""

import sys
from pathlib import Path

import click
from rich.console import Console

from rig.errors import Exit
from rig.render import parsed
from rig.reports.parse import parse


@click.command()
@click.argument("logs", metavar="LOG...", nargs=-1, required=True)
@click.option("--format", "form", type=click.Choice(["text", "json", "jsonl"]), default="text", show_default=True)
@click.pass_context
def command(context: click.Context, logs: tuple[str, ...], form: str) -> None:
    """Name what the kernel complains of in console LOGs ("-" reads standard input).

    Titles are those of syzkaller and syzbot, so that a bug can be looked up by its title.
    Exits with 1 if there was a report, 0 if not, 2 if a log can't be read.

    \b
    rig parse console.log
    dmesg | rig parse -
    rig parse console.log --format json | jq -r '.reports[].title'
    rig parse consoles/*.log --format jsonl > reports.jsonl
    """
    read: list[parsed.Parsed] = []
    for name in logs:
        log = _log(name)
        if log is None:
            continue
        read.append(log)
        if form == "jsonl":
            click.echo(parsed.as_json_line(log), nl=False)
        elif form == "text":
            Console(highlight=False, soft_wrap=True).print(parsed.as_text(log), end="")
    if form == "json" and read:
        click.echo(parsed.as_json(read, several=len(logs) > 1), nl=False)
    if len(read) < len(logs):
        context.exit(Exit.USAGE)
    context.exit(Exit.INTRODUCED if any(log.reports for log in read) else Exit.CLEAN)


def _log(name: str) -> parsed.Parsed | None:
    """Return what a log says, or None after a message if it can't be read."""
    try:
        raw = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except OSError as error:
        click.secho(f"rig: can't read {click.format_filename(name)}: {error.strerror}", fg="red", err=True)
        return None
    return parsed.Parsed(file=name, reports=parse(raw))
