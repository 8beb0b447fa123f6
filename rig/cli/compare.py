"""`rig compare`: what a patch changes."""

import shlex
import sys
from pathlib import Path
from typing import Any

import click

from rig import pipeline, plan, store
from rig.cli import live, options, stdout, wait_for
from rig.errors import Exit, InputError
from rig.experiment import Plan
from rig.model import Trial, Verdict
from rig.render import document, script, terminal

STATUSES = {
    Verdict.CLEAN: Exit.CLEAN,
    Verdict.REGRESSION: Exit.INTRODUCED,
    Verdict.INCONCLUSIVE: Exit.UNDECIDED,
    Verdict.ERROR: Exit.UNDECIDED,
}

LOOKED_AT = 10  # stored runs


@click.command()
@click.argument("base", metavar="BASE")
@click.argument("patched", metavar="PATCHED")
@options.experiment
@click.option("--json", "json_file", type=click.Path(dir_okay=False, path_type=Path), help="also write JSON here")
@click.option("--dry-run", is_flag=True, help="print the plan and stop")
def command(base: str, patched: str, json_file: Path | None, dry_run: bool, **given: Any) -> None:
    """Build BASE and PATCHED, stress both in nested-KVM guests and say what PATCHED changes.

    Each is a KERNEL: a recipe's name (kernels/NAME.yaml) or path, NAME+PATCH, a .patch, .mbox or series
    directory (meaning BASE plus this), a git revision (of --tree, or of the tree you are in), or a bzImage.

    Exit status: 0 nothing introduced, 1 introduced, 2 bad input, 3 no build or patch, 4 host fault or undecided.

    \b
    rig compare base patched
    rig compare base my.patch --workload root-churn --seconds 30
    rig compare base my.patch --workload ./reproducer
    rig compare v6.1 HEAD --tree ~/linux --json result.json
    rig compare base my.patch --verbose 2> rig.log
    """
    carry_out(base, patched, given, json_file, dry_run=dry_run)


def carry_out(base: str, patched: str | None, given: dict[str, Any], json_file: Path | None, *, dry_run: bool) -> None:
    """Plan, run, show and exit with the verdict's status."""
    planned = plan.make(base, patched, file=given["plan"], tree=given["tree"], overrides=options.overrides(given))
    if json_file and not json_file.absolute().parent.is_dir():
        raise InputError(f"--json {json_file}: there is no directory {json_file.parent}")
    console = stdout()
    if dry_run:
        console.print(terminal.plan(planned))
        return
    with store.draft() as draft:
        with live.shown(quiet=given["quiet"], verbose=given["verbose"], earlier=alike(planned)) as progress:
            progress.note(f"run directory: {draft.directory}")
            run = wait_for(pipeline.run(planned, draft, progress, shlex.join(["rig", *sys.argv[1:]])))
        draft.add("result.json", document.to_json(run))
        draft.add("reproduce.sh", script.reproduce(run), executable=True)
    directory = store.location(run.id)
    console.print(terminal.summary(run, str(directory)))
    if json_file:
        json_file.write_text(document.to_json(run))
    sys.exit(STATUSES[run.comparison.verdict])


def alike(planned: Plan) -> tuple[Trial, ...]:
    """Return trials of the latest run that was stored of the same profile and seconds, to expect the same of."""
    for run in store.latest(LOOKED_AT):
        like = run.environment.profile == planned.profile.name
        if like and (run.settings is None or run.settings.seconds == planned.seconds):
            return run.trials
    return ()
