"""`rig compare`: what a patch changes."""

import shlex
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, NoReturn

import click

from rig import filing, inputs, pipeline, plan, store, stored
from rig.cli import exports, live, options, stdout, wait_for
from rig.errors import Exit, InputError
from rig.experiment import Plan
from rig.guest import image
from rig.model import Run, Trial, Verdict
from rig.progress import Progress
from rig.render import terminal

STATUSES = {
    Verdict.CLEAN: Exit.CLEAN,
    Verdict.REGRESSION: Exit.INTRODUCED,
    Verdict.INCONCLUSIVE: Exit.UNDECIDED,
    Verdict.ERROR: Exit.UNDECIDED,
}

LOOKED_AT = 10  # stored runs
Job = tuple[Plan, Coroutine[Any, Any, Run]]  # what is planned, and the doing of it


@click.command()
@click.argument("base", metavar="BASE")
@click.argument("patched", metavar="PATCHED")
@options.experiment("default")
@options.coverage
@exports.options
@click.option("--dry-run", is_flag=True, help="print the plan and stop")
@click.option("--anyway", is_flag=True, help="compare kept runs that differ in more than the patch")
def command(base: str, patched: str, dry_run: bool, anyway: bool, **given: Any) -> None:
    """Build BASE and PATCHED, stress both in nested-KVM guests and say what PATCHED changes.

    Each is a KERNEL: a recipe's name (kernels/NAME.yaml) or path, NAME+PATCH, a .patch, .mbox or series
    directory (meaning BASE plus this), a git revision (of --tree, or of the tree you are in), or a bzImage.
    Or both are kept runs (an id of `rig ls`, a run directory; RUN:base and RUN:patched say which side): nothing is run
    then, their trials are compared.

    Exit status: 0 nothing introduced, 1 introduced, 2 bad input, 3 no build or patch, 4 host fault or undecided.

    \b
    rig compare base patched
    rig compare base my.patch --workload root-churn --seconds 30
    rig compare base my.patch --workload ./reproducer
    rig compare base my.patch --coverage --html report.html
    rig compare base my.patch --require-coverage 80
    rig compare v6.1 HEAD --tree ~/linux --json result.json
    rig compare base my.patch --junit rig.xml --html report.html
    rig compare 20260101-120000-ab12 20260102-120000-cd34
    rig compare base my.patch --verbose 2> rig.log
    """
    sides = stored.find(base), stored.find(patched)
    if sides[0] and sides[1]:
        join(sides[0], sides[1], given, anyway=anyway)
    if any(sides):
        raise InputError("a kept run can only be compared with another kept run", hint="`rig ls` lists them")
    carry_out(base, patched, given, dry_run=dry_run)


def carry_out(base: str, patched: str | None, given: dict[str, Any], *, dry_run: bool) -> None:
    """Plan, run, show and exit with the verdict's status."""
    planned = plan.make(base, patched, file=given["plan"], tree=given["tree"], overrides=options.overrides(given))
    if dry_run:
        stdout().print(terminal.plan(planned))
        return

    def job(draft: store.Draft, progress: Progress) -> Job:
        return planned, pipeline.run(planned, draft, progress, command_line())

    conduct(job, given, alike(planned))


def command_line() -> str:
    """Return the command that was given, as a shell takes it."""
    return shlex.join(["rig", *sys.argv[1:]])


def conduct(job: Callable[[store.Draft, Progress], Job], given: dict[str, Any], earlier: tuple[Trial, ...]) -> NoReturn:
    """Do a job in a run directory of its own, keep all of it, show it and exit with the verdict's status."""
    files = exports.asked(given)
    with store.draft() as draft:
        with live.shown(quiet=given["quiet"], verbose=given["verbose"], earlier=earlier) as progress:
            progress.note(f"run directory: {draft.directory}")
            planned, work = job(draft, progress)
            kept = inputs.copy(planned, draft.directory)
            run = wait_for(work)
            packed = wait_for(image.build(progress)) if given["keep_kernels"] else None
        filing.add(run, draft)
        filing.add_script(run, draft, inputs.write(kept, run, draft.directory, packed))
    _conclude(run, files, given)


def join(base: stored.Kept, patched: stored.Kept, given: dict[str, Any], *, anyway: bool) -> NoReturn:
    """Compare two sides that are kept, show it and exit with the verdict's status."""
    files = exports.asked(given)
    with store.draft() as draft:
        run = wait_for(stored.join(base, patched, draft, command_line(), anyway=anyway))
        filing.add(run, draft)
        filing.add_script(run, draft, None)
    _conclude(run, files, given)


def _conclude(run: Run, files: dict[str, Path], given: dict[str, Any]) -> NoReturn:
    directory = store.location(run.id)
    stdout().print(terminal.summary(run, str(directory)))
    for name, file in files.items():
        file.write_text(exports.text(name, run, directory, given), encoding="utf-8")
    sys.exit(STATUSES[run.comparison.verdict])


def alike(planned: Plan) -> tuple[Trial, ...]:
    """Return trials of the latest run that was stored of the same profile and seconds, to expect the same of."""
    for run in store.latest(LOOKED_AT):
        like = run.environment.profile == planned.profile.name
        if like and (run.settings is None or run.settings.seconds == planned.seconds):
            return run.trials
    return ()
