"""`rig parse`: the reports in console logs."""

import sys
from contextlib import nullcontext, suppress
from pathlib import Path

import click
from rich.console import Console

from rig.cli import logs
from rig.cli.decoding import decoding
from rig.errors import Exit
from rig.render import parsed
from rig.render.parsed import Parsed

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_DIRECTORY = click.Path(exists=True, file_okay=False, path_type=Path)
_FORM = click.Choice(["text", "json", "jsonl"])


@click.command()
@click.argument("names", metavar="LOG...", nargs=-1, required=True)
@click.option("--format", "form", type=_FORM, default="text", show_default=True)
@click.option("-f", "--follow", is_flag=True, help="go on reading a LOG that is being written, until Ctrl-C")
@click.option("--vmlinux", type=_FILE, help="the kernel, unstripped: adds file, line and inlined functions")
@click.option("--tree", type=_DIRECTORY, help="its source: adds the lines around the place to blame")
@click.option("--patch", "patches", type=_FILE, multiple=True, help="mark what this patch touched; repeatable")
@click.pass_context
def command(
    context: click.Context,
    names: tuple[str, ...],
    form: str,
    follow: bool,
    vmlinux: Path | None,
    tree: Path | None,
    patches: tuple[Path, ...],
) -> None:
    """Name what the kernel complains of in console LOGs ("-" reads standard input).

    Titles are those of syzkaller and syzbot, so that a bug can be looked up by its title.
    Exits with 1 if there was a report, 0 if not, 2 if a log can't be read.

    \b
    rig parse console.log
    dmesg | rig parse -
    rig parse console.log --vmlinux build/vmlinux --tree ~/linux
    rig parse --follow /var/log/console/board7.log
    rig parse console.log --format json | jq -r '.reports[].title'
    rig parse consoles/*.log --format jsonl > reports.jsonl
    """
    if follow and (len(names) > 1 or form == "json"):
        raise click.UsageError("--follow reads one LOG and writes text or jsonl")
    if names.count("-") > 1:
        raise click.UsageError("standard input can be read once")
    kernel = decoding(vmlinux, tree, patches)
    kept: list[Parsed] = []
    read, found = 0, False
    with suppress(KeyboardInterrupt) if follow else nullcontext():
        for log in logs.follow(names[0]) if follow else logs.read_all(names):
            log = kernel.decoded(log) if kernel else log
            read, found = read + 1, found or bool(log.reports)
            if form == "json":
                kept.append(log)
            _show(log, form, heading=not follow)
    if kept:
        click.echo(parsed.as_json(kept, several=len(names) > 1), nl=False)
    if read < len(names) and not follow:
        context.exit(Exit.USAGE)
    context.exit(Exit.INTRODUCED if found else Exit.CLEAN)


def _show(log: Parsed, form: str, *, heading: bool) -> None:
    """Write a log as it comes, but for json, which is one document."""
    if form == "jsonl":
        click.echo(parsed.as_json_line(log), nl=False)
    elif form == "text":
        console = Console(highlight=False, soft_wrap=True)
        for text in (*([parsed.heading(log)] if heading else []), *map(parsed.as_text, log.reports)):
            console.print(text, end="")
    if sys.stdout:  # whoever started the rig may have closed it
        sys.stdout.flush()
