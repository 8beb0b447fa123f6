"""The command line: one module a verb, each a thin call."""

import asyncio
import errno
import importlib
import keyword
import os
import signal
import sys
from collections.abc import Coroutine
from typing import Any, TypeVar

import click
from rich.console import Console

from rig import __version__
from rig.errors import Exit, RigError

VERBS = (
    "compare",
    "run",
    "presubmit",
    "bisect",
    "nightly",
    "boot",
    "build",
    "parse",
    "show",
    "schema",
    "site",
    "serve",
    "ls",
    "history",
    "import",
    "export",
    "profiles",
    "selfcheck",
    "gc",
    "doctor",
)
Result = TypeVar("Result")


class Verbs(click.Group):
    """Loads the module rig.cli.VERB only when VERB is called, so that each starts as fast as it can."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Return the verbs in the order of a newcomer's interest."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the verb, or say which one is near."""
        if cmd_name in VERBS:
            module = f"{cmd_name}_" if keyword.iskeyword(cmd_name) else cmd_name
            command: click.Command = importlib.import_module(f"rig.cli.{module}").command
            return command
        from rig.yamlfile import near

        raise click.UsageError(f"no verb {cmd_name!r}; {near(cmd_name, list(VERBS))}", ctx)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the verb; what goes wrong becomes a message with a way out and an exit status."""
        try:
            return super().invoke(ctx)
        except RigError as error:
            click.secho(f"rig: {error}", fg="red", err=True)
            if error.hint:
                click.echo(f"  {error.hint}", err=True)
            sys.exit(error.exit_status)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            click.secho(f"rig: no space left: {error.filename or 'on the disk'}", fg="red", err=True)
            click.echo("  `rig gc` frees some; XDG_CACHE_HOME and XDG_STATE_HOME say where all is kept", err=True)
            sys.exit(Exit.UNDECIDED)
        except (KeyboardInterrupt, asyncio.CancelledError, click.Abort):
            click.echo("rig: interrupted; nothing is left running", err=True)
            sys.exit(Exit.INTERRUPTED)


NO_COLOR = False if os.environ.get("NO_COLOR") else None  # what rich does by itself (no-color.org)


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"], "color": NO_COLOR})
@click.version_option(__version__)
def main() -> None:
    """Test a kernel patch: build the kernel with and without it, boot, stress and compare them.

    \b
    rig compare base patched         what the shipped patch changes
    rig compare base my.patch        what yours does
    rig presubmit                    whether the commits of your branch may be sent
    rig nightly                      what came and went since last night
    rig boot patched                 a shell in a guest
    rig parse console.log            what a console complains of
    """


def wait_for(work: Coroutine[Any, Any, Result]) -> Result:
    """Run `work` to its end; SIGTERM and SIGHUP undo it in order, as Ctrl-C does."""

    async def guarded() -> Result:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task
        for number in (signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, task.cancel)
        return await work

    try:
        return asyncio.run(guarded())
    except ExceptionGroup as group:  # of the tasks of a TaskGroup; the first fault cancelled the others
        raise first(group) from None


def first(group: ExceptionGroup[Exception]) -> Exception:
    """Return the first exception in `group`, however deep."""
    inner = group.exceptions[0]
    return first(inner) if isinstance(inner, ExceptionGroup) else inner


def stdout() -> Console:
    """Return where results go: as wide as the terminal, and wide enough for tables elsewhere."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=140)
