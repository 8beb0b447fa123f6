"""`rig bisect`: which commit brought a finding in."""

import shlex
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from rig import bisecting, filing, plan, shown, store, stored
from rig.cli import live, options, stdout, wait_for
from rig.errors import Exit, InputError
from rig.experiment import Overrides, Plan
from rig.model import Kernel
from rig.render import bisection
from rig.stored import Kept


@click.command()
@click.argument("good", metavar="GOOD|RUN")
@click.argument("bad", metavar="[BAD]", required=False)
@click.option("--finding", required=True, metavar="TITLE", help="as `rig compare` shows it, or a pattern: '*deadlock*'")
@options.experiment("default")
@click.option(
    "--json", "json_file", type=click.Path(dir_okay=False, path_type=Path), help="also write the answer as JSON here"
)
def command(good: str, bad: str | None, finding: str, json_file: Path | None, **given: Any) -> None:
    """Find the commit between GOOD and BAD that brought a finding in, with the odds of that answer.

    GOOD and BAD are revisions of a git tree (--tree, or the one you are in), or a KERNEL and a series on top of it (a
    directory, an .mbox): each patch is a step. Of a RUN whose sides are revisions, those are taken. A finding that
    shows only now and then is tried often enough; what does not build or boot is passed by; a merge counts as one.

    BAD has to show it, in --repeats and up to --confirm further trials. Only the workloads that showed it are run
    from then on: name them with -w if you know them. Exit status: 0 found with --confidence, 4 undecided, 2 bad
    input, 3 no build or patch.

    \b
    rig bisect v6.1 HEAD --finding 'possible deadlock in kvm_mmu_uninit_tdp_mmu' -w vm-teardown
    rig bisect base my-series/ --finding 'WARNING in kvm_*' --confidence 99%
    rig bisect 20260101-120000-ab12 --finding 'KASAN: *' --budget 1h
    rig bisect HEAD~20 HEAD --finding 'build failure: *' --json answer.json
    """
    if json_file and not json_file.absolute().parent.is_dir():
        raise InputError(f"--json {json_file}: there is no directory {json_file.parent}")
    planned = _planned(good, bad, finding, given)
    with store.draft() as draft:
        with live.shown(quiet=given["quiet"], verbose=given["verbose"]) as progress:
            progress.note(f"run directory: {draft.directory}")
            words = shlex.join(["rig", *sys.argv[1:]])
            found, run = wait_for(bisecting.bisect(planned, finding, draft, progress, words))
        draft.add("bisection.json", bisection.to_json(found))
        filing.add(run, draft)
    stdout().print(bisection.summary(found))
    if json_file:
        json_file.write_text(bisection.to_json(found), encoding="utf-8")
    sys.exit(Exit.CLEAN if found.answer else Exit.UNDECIDED)


def _planned(good: str, bad: str | None, finding: str, given: dict[str, Any]) -> Plan:
    overrides = options.overrides(given)
    if bad is not None:
        return plan.make(good, bad, file=given["plan"], tree=given["tree"], overrides=overrides)
    kept = stored.find(good)
    if not kept:
        raise InputError(f"{good} is no kept run, and BAD is missing", hint="rig bisect GOOD BAD --finding TITLE")
    sides, tree = _revisions(kept)
    return plan.make(*sides, file=given["plan"], tree=tree, overrides=_as_then(kept, finding, overrides))


def _revisions(kept: Kept) -> tuple[tuple[str, str], Path]:
    """Return the commits that the sides of a run are, and their repository; raises InputError if they are none."""
    sides = [each for each in (kept.run.base, kept.run.patched) if isinstance(each, Kernel)]
    commits = [each.commit for each in sides if each.commit and not each.patches]
    places = {each.source.location for each in sides if each.source}
    if len(commits) != 2 or len(places) != 1:
        raise InputError(
            f"the kernels of {kept.run.id} are not two revisions of a git tree",
            hint="say which kernels: rig bisect GOOD BAD --finding TITLE",
        )
    return (commits[0], commits[1]), Path(places.pop())


def _as_then(kept: Kept, finding: str, overrides: Overrides) -> Overrides:
    """Return the options with what they leave open as it was in that run, and the workloads that showed it there."""
    found = shown.named(finding, kept.run.comparison.findings)
    then = tuple(found.workload.split(", ")) if found else ()
    listed = tuple(name for name in then if name in plan.workload_table())
    return replace(
        overrides,
        profile=overrides.profile or kept.run.environment.profile,
        workloads=overrides.workloads or listed,
    )
