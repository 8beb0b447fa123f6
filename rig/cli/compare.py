"""`rig compare`: what a patch changes."""

import shlex
import sys
from typing import Any

import click

from rig import inputs, pipeline, plan, store
from rig.cli import exports, live, options, stdout, wait_for
from rig.errors import Exit
from rig.guest import image
from rig.model import Verdict
from rig.render import document, script, terminal

STATUSES = {
    Verdict.CLEAN: Exit.CLEAN,
    Verdict.REGRESSION: Exit.INTRODUCED,
    Verdict.INCONCLUSIVE: Exit.UNDECIDED,
    Verdict.ERROR: Exit.UNDECIDED,
}


@click.command()
@click.argument("base", metavar="BASE")
@click.argument("patched", metavar="PATCHED")
@options.experiment
@exports.options
@click.option("--dry-run", is_flag=True, help="print the plan and stop")
def command(base: str, patched: str, dry_run: bool, **given: Any) -> None:
    """Build BASE and PATCHED, stress both in nested-KVM guests and say what PATCHED changes.

    Each is a KERNEL: a recipe's name (kernels/NAME.yaml) or path, NAME+PATCH, a .patch, .mbox or series
    directory (meaning BASE plus this), a git revision (of --tree, or of the tree you are in), or a bzImage.

    Exit status: 0 nothing introduced, 1 introduced, 2 bad input, 3 no build or patch, 4 host fault or undecided.

    \b
    rig compare base patched
    rig compare base my.patch --workload root-churn --seconds 30
    rig compare base my.patch --workload ./reproducer
    rig compare v6.1 HEAD --tree ~/linux --json result.json
    rig compare base my.patch --junit rig.xml --markdown comment.md
    """
    carry_out(base, patched, given, dry_run=dry_run)


def carry_out(base: str, patched: str | None, given: dict[str, Any], *, dry_run: bool) -> None:
    """Plan, run, show and exit with the verdict's status."""
    planned = plan.make(base, patched, file=given["plan"], tree=given["tree"], overrides=options.overrides(given))
    files = exports.asked(given)
    console = stdout()
    if dry_run:
        console.print(terminal.plan(planned))
        return
    with store.draft() as draft:
        progress = live.shown(quiet=given["quiet"])
        progress.note(f"run directory: {draft.directory}")
        kept = inputs.copy(planned, draft.directory)
        run = wait_for(pipeline.run(planned, draft, progress, shlex.join(["rig", *sys.argv[1:]])))
        draft.add("result.json", document.to_json(run))
        packed = wait_for(image.build(progress)) if given["keep_kernels"] else None
        again = inputs.write(kept, run, draft.directory, packed)
        draft.add("reproduce.sh", script.reproduce(run, again), executable=True)
    directory = store.location(run.id)
    console.print(terminal.summary(run, str(directory)))
    for name, file in files.items():
        file.write_text(exports.text(name, run, directory, given), encoding="utf-8")
    sys.exit(STATUSES[run.comparison.verdict])
