"""`rig presubmit`: whether a series may be sent."""

import shlex
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any, NoReturn

import click

from rig import hook, presubmit, store, submission
from rig.cli import exports, live, options, stdout, wait_for
from rig.cli.compare import LOOKED_AT, Job, command_line, conduct
from rig.experiment import Submission
from rig.guest import accel
from rig.plan import guests_that_fit
from rig.progress import Progress
from rig.render import check
from rig.schedule import Schedule


@click.command()
@click.option("--base", metavar="REV|KERNEL", help="what the series is based on; default: the branch's upstream")
@click.option("--tip", metavar="REV", help="the last commit of it; default: HEAD and what is not committed")
@click.option("--series", metavar="DIR|FILE|MESSAGE-ID", help="patches instead of commits, put in order by b4")
@click.option("--each", is_flag=True, help="stress every commit, to say which one brings what")
@click.option("--hook", "hooked", type=click.Choice(["install", "remove"]), help="check whatever is pushed from now on")
@options.experiment("presubmit")
@options.coverage
@exports.options
@click.option("--dry-run", is_flag=True, help="say what would be done and how long it would take, and stop")
def command(hooked: str | None, dry_run: bool, **given: Any) -> None:
    """Check the commits of your branch before you send them, within a budget.

    Each commit: checkpatch, build (W=1 for the files it touches), boot. Then the tip against the base under the
    workloads that the files touched call for (configs/reach.yaml), and which of the changed lines ran. Your tree is
    only read: uncommitted changes count as the last commit.

    Exit status: 0 nothing introduced, 1 introduced, 2 bad input, 3 no build or patch, 4 host fault or undecided.

    \b
    rig presubmit                                   the commits since the upstream branch
    rig presubmit --base v6.1 --each --budget 40m
    rig presubmit --series ~/mail/series.mbox --base base
    rig presubmit --dry-run                         what fits into the budget
    rig presubmit --cover cover.txt                 what to say of it in the cover letter
    rig presubmit --hook install                    before every git push, quickly
    """
    if hooked:
        _hook(hooked, given["tree"])
        return
    wish = submission.Wish(
        base=given["base"],
        tip=given["tip"],
        series=given["series"],
        tree=given["tree"],
        plan=given["plan"],
        overrides=options.overrides(given),
        each=given["each"],
    )
    (_show if dry_run else _carry_out)(wish, given)


def _hook(what: str, tree: Path | None) -> None:
    repository = tree or Path.cwd()
    if what == "remove":
        click.echo(f"removed {wait_for(hook.remove(repository))}")
        return
    program = shutil.which(sys.argv[0]) or sys.argv[0]
    path = wait_for(hook.install(repository, shlex.quote(str(Path(program).absolute()))))
    click.echo(f"wrote {path}: `git push` checks first; `git push --no-verify` does not")


def _show(wish: submission.Wish, given: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory(prefix="rig-series-") as name, live.shown(quiet=given["quiet"]) as progress:
        asked = wait_for(submission.find(wish, Path(name), progress))
        fits = wait_for(_planned(asked, progress))
    stdout().print(check.plan(asked, fits))


async def _planned(asked: Submission, progress: Progress) -> Schedule:
    chosen = await accel.find(asked.plan.accel, asked.plan.clock)
    jobs = asked.plan.jobs or guests_that_fit(asked.plan.shape, chosen)
    return await presubmit.planned(asked, tuple(store.latest(LOOKED_AT)), jobs, progress)


def _carry_out(wish: submission.Wish, given: dict[str, Any]) -> NoReturn:
    earlier = tuple(store.latest(LOOKED_AT))

    def job(draft: store.Draft, progress: Progress) -> Job:
        asked = wait_for(submission.find(wish, draft.directory / "series", progress))
        return asked.plan, presubmit.run(asked, draft, progress, command_line(), earlier)

    conduct(job, given, next((run.trials for run in earlier if run.trials), ()))
