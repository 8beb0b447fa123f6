"""`rig history`: what the nights remember of a finding, a metric or a kernel."""

import difflib
from fnmatch import fnmatchcase
from typing import Any

import click
from sqlalchemy.orm import Session

from rig.cli import options, stdout
from rig.errors import InputError
from rig.memory import database, metrics, nights, regressions, runs
from rig.memory.values import Measure
from rig.render import history
from rig.render.escape import printable
from rig.render.history import Found, History, Kernel


@click.command()
@click.argument("pattern", metavar="TITLE|METRIC|KERNEL")
@click.option("--kernel", metavar="NAME", help="only of this kernel; a pattern too")
@click.option("--profile", metavar="NAME", help="of metrics only those under this profile; a pattern too")
@click.option("--nights", "last", type=click.IntRange(1), default=60, show_default=True, help="how far back")
@options.database
@click.option("--json", "as_json", is_flag=True, help="machine-readable output")
def command(pattern: str, last: int, as_json: bool, **given: Any) -> None:
    """Show what is remembered of findings, metrics (METRIC or WORKLOAD/METRIC) or kernels of the nightly plan.

    A finding comes with the nights it was seen in and how often, the commits it lies between and who brought it in; a
    metric with its values and where they changed; a kernel with its tips and what was seen. * and ? stand for any
    text and any letter.

    \b
    rig history 'WARNING in kvm_*'
    rig history memslot-churn/exits_per_op --kernel mainline --profile perf
    rig history mainline --nights 7
    rig history '*' --json | jq '.regressions[] | select(.open)'
    """
    with database.opened(given["database"] or "") as memory, memory.reading() as session:
        found = _found(session, pattern, given["kernel"] or "*", given["profile"] or "*", last)
        if not found:
            raise InputError(f"nothing that is remembered fits {pattern!r}", hint=_near(session, pattern))
    if as_json:
        click.echo(history.document(found))
    else:
        stdout().print(history.screen(found, last))


def _found(s: Session, pattern: str, kernel: str, profile: str, last: int) -> History:
    known = tuple(each for each in regressions.regressions(s) if _fits(kernel, each.kernel))

    def measured(each: Measure) -> bool:
        place = _fits(kernel, each.where.kernel) and _fits(profile, each.where.profile)
        return place and _fits(pattern, each.name, f"{each.workload}/{each.name}")

    return History(
        regressions=tuple(each for each in known if _fits(pattern, *each.titles)),
        metrics=metrics.fitting(s, measured, last),
        kernels=tuple(
            Kernel(
                name=name,
                tips=nights.tips_of(s, name, last),
                regressions=tuple(each for each in known if each.kernel == name),
            )
            for name in nights.kernels(s)
            if _fits(pattern, name) and _fits(kernel, name)
        ),
        others=tuple(
            Found(run=run, where=where, finding=finding)
            for where, run, finding in runs.by_hand(s, lambda each: _fits(pattern, each.title, *each.alt_titles))
            if _fits(kernel, where.kernel)
        ),
    )


def _fits(pattern: str, *names: str) -> bool:
    """Whether one of `names` is `pattern` itself, which may hold brackets, or fits it."""
    return any(name == pattern or fnmatchcase(name, pattern) for name in names)


def _near(s: Session, pattern: str) -> str:
    """Say what is remembered under a like name, or what there is at all."""
    kernels, known, measured = nights.kernels(s), regressions.regressions(s), metrics.measures(s)
    titles = {title for each in known for title in each.titles}
    titles |= {finding.title for _, _, finding in runs.by_hand(s, lambda _: True)}
    names = {each.name for each in measured} | {f"{each.workload}/{each.name}" for each in measured}
    if close := difflib.get_close_matches(pattern, sorted({*kernels, *titles, *names}), n=3, cutoff=0.5):
        return f"did you mean {' or '.join(map(repr, close))}?"
    if not titles and not names:
        return "nothing is remembered yet: `rig nightly` runs a night, `rig import RUN` takes a run in"
    told = f"there are the kernels {', '.join(kernels)}; " if kernels else ""
    return printable(f"{told}{len(titles)} titles of findings, {len(names)} metrics: `rig history '*'` shows all")
