"""The check before sending on a terminal: what is planned, and what came of each commit. No I/O."""

import textwrap
from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from rig import duration
from rig.experiment import Submission
from rig.model import Presubmit, Run, Step
from rig.render import cover
from rig.render.commits import rows
from rig.render.escape import printable
from rig.schedule import Schedule


def commits(made: Presubmit) -> Table:
    """Return what came of each commit as a table."""
    table = _table("commit", "subject", "checkpatch", "build", "new warnings", "boots")
    for row in rows(made):
        cells = (row.name, row.subject, row.checkpatch, row.build, row.warnings, row.boots)
        table.add_row(*(Text(printable(cell)) for cell in cells), style="red" if row.bad else "")
    return table


def told(run: Run) -> Iterator[RenderableType]:
    """Yield what a run has to say of a series, commit by commit; nothing for other runs."""
    if not run.presubmit:
        return
    yield Text()
    yield commits(run.presubmit)
    for each in run.presubmit.commits:
        for complaint in each.complaints:
            where = f"{complaint.file}:{complaint.line}: " if complaint.file else ""
            yield Text(printable(f"  {each.short}: {where}{complaint.level}: {complaint.text}"), style="dim")
    missing = [step for step in run.presubmit.steps if not step.included and not run.presubmit.nothing]
    if missing:
        names = ", ".join(f"{step.what} ({duration.clock(step.expected)})" for step in missing)
        yield Text(f"  left out, for lack of time: {names}", style="yellow")


def letter(run: Run) -> Iterator[RenderableType]:
    """Yield what may be said of the check in a cover letter; nothing for other runs."""
    if run.presubmit:
        yield Text("\nfor the cover letter:", style="bold")
        yield Text(textwrap.indent(cover.to_cover(run).rstrip(), "  "))


def plan(asked: Submission, schedule: Schedule) -> Group:
    """Return what is going to be done, before anything is."""
    table = _table("step", "about", "", "")
    for step in schedule.steps:
        table.add_row(*_step(step), style="" if step.included else "yellow")
    limit = f" of {duration.words(asked.plan.budget)}" if asked.plan.budget else ""
    names = (f"  {each.short}  {printable(each.subject)}" for each in asked.series.commits)
    return Group(
        Text(f"{len(asked.series.commits)} on top of {printable(asked.series.base.name)}:"),
        *(Text(name) for name in names),
        Text(),
        table,
        Text(f"\nabout {duration.clock(schedule.seconds)}{limit}, under the profile {asked.plan.profile.name}"),
        *(Text(f"  {reason}", style="dim") for reason in asked.reach.why),
    )


def _step(step: Step) -> tuple[str, str, str, str]:
    return step.what, duration.clock(step.expected), "" if step.included else "left out: no time", step.why


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table
