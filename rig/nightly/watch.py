"""The regressions in the memory, kept up to date with what the night has shown so far."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import product

from sqlalchemy.orm import Session

from rig import compare
from rig.compare import METRIC
from rig.memory import health as records
from rig.memory import metrics, nights, runs
from rig.memory import regressions as kept
from rig.memory.values import Job, Regression, Where
from rig.nightly import health, regressions
from rig.nightly.jobs import Answer
from rig.nightly.morning import NIGHTS
from rig.nightly.regressions import Seen
from rig.nightly.shift import Shift


def look(shift: Shift) -> None:
    """Bring them up to date; says what came and went."""
    with shift.memory.session() as session:
        known = {each.number: each for each in kept.regressions(session)}
        done = tuple(job for job in nights.jobs(session, shift.night.id) if job.state == "done")
        tonight = regressions.Tonight(
            night=shift.night.id,
            commits={name: line.commit for name, line in shift.lines.items() if _ran(name, done)},
            able=lambda regression: _able(session, shift, regression, done),
        )
        for each in regressions.fold(known.values(), _seen(session, shift), tonight):
            before = known.get(each.number)
            fresh = each.open and not (before and before.open)
            saved = kept.save(session, replace(each, good=_good(session, shift, each)) if fresh else each)
            _tell(shift, before, saved)


def _seen(session: Session, shift: Shift) -> Iterator[Seen]:
    """Yield what tonight showed, but for failures of workloads that can't be trusted."""
    known = health.healths(records.records(session, NIGHTS))
    for where, run, finding in runs.findings(session, shift.night.id):
        names = finding.workload.split(", ")
        if not all(health.excused(finding.type, name, where.profile, known) for name in names):
            yield Seen(where=where, run=run, finding=finding)


def _ran(kernel: str, done: tuple[Job, ...]) -> bool:
    return any(job.where.kernel == kernel for job in done)


def _able(session: Session, shift: Shift, regression: Regression, done: tuple[Job, ...]) -> int:
    """Return how many trials of tonight could have shown a regression; of what building shows, how many builds."""
    if regression.type in regressions.CERTAIN:
        return sum(job.kind == "stress" and at(job.where, regression) for job in done)
    return _trials(session, shift.night.id, regression)


def _trials(session: Session, night: str, regression: Regression) -> int:
    if regression.type == METRIC:
        return sum(_measured(session, night, regression))
    places = regression.profiles, regression.shapes, regression.workloads
    return runs.able(session, night, regression.kernel, *places)


def _measured(session: Session, night: str, regression: Regression) -> Iterator[int]:
    """Yield how many trials of a night measured what went up, at each place it was seen at."""
    for profile, shape, workload in product(regression.profiles, regression.shapes, regression.workloads):
        for trend in metrics.trends(session, regression.kernel, profile, shape, workload):
            if compare.rise(workload, trend.measure.name) in regression.titles:
                yield from (len(point.values) for point in trend.points if point.night == night)


def at(where: Where, regression: Regression) -> bool:
    """Say whether a regression was seen at a place."""
    seen = where.profile in regression.profiles and where.shape in regression.shapes
    return where.kernel == regression.kernel and seen


def _good(session: Session, shift: Shift, regression: Regression) -> str:
    """Return the last commit that could have shown a regression and did not; "" if there is none.

    In no night so far it was seen, or it would be known; failing those there is the release.
    """
    shown = {each.night for each in regression.observations if each.hits}
    for tip in nights.tips_of(session, regression.kernel):
        if tip.night not in shown and tip.commit != regression.bad and _trials(session, tip.night, regression):
            return tip.commit
    return "" if regression.standing == "old" else shift.lines[regression.kernel].base_commit


def _tell(shift: Shift, before: Regression | None, now: Regression) -> None:
    where = f"{now.kernel}: {now.title}"
    if before is None or (now.open and not before.open):
        shift.progress.note(f"{where}: {'came back' if before else 'opened'}, {now.standing}")
    elif before.open and not now.open:
        shift.progress.note(f"{where}: gone, closed")


def quiet(shift: Shift) -> tuple[Regression, ...]:
    """Return the open regressions that tonight could have shown and did not, and that a few more trials would close."""
    with shift.memory.reading() as session:
        every = kept.regressions(session, open_only=True)
    tonight = (each for each in every if each.observations and each.observations[-1].night == shift.night.id)
    return tuple(each for each in tonight if not each.observations[-1].hits and regressions.missing(each))


def unexplained(shift: Shift) -> tuple[Regression, ...]:
    """Return the regressions seen tonight whose commit is not known, but where to look for it; the newest first."""
    with shift.memory.reading() as session:
        every = kept.regressions(session, open_only=True)
    found = [
        each for each in every if each.kernel in shift.lines and each.last_seen == shift.night.id and _searchable(each)
    ]
    return tuple(sorted(found, key=lambda each: each.number, reverse=True))


def _searchable(regression: Regression) -> bool:
    known = regression.good and regression.bad and regression.good != regression.bad
    return bool(known) and regression.standing == "confirmed" and not regression.culprit


def explained(shift: Shift, regression: Regression) -> bool:
    """Say whether the commit of a regression is known by now."""
    with shift.memory.reading() as session:
        now = kept.regression(session, regression.number)
    return bool(now and now.culprit)


def explain(shift: Shift, regression: Regression, answer: Answer) -> None:
    """Remember what a search came to, for whatever the kernels before and after that commit differ in as well."""
    with shift.memory.session() as session:
        for each in kept.regressions(session, regression.kernel, open_only=True):
            if each.number == regression.number or (_searchable(each) and _shown(each, answer)):
                found = replace(each, culprit=answer.culprit, odds=answer.odds, bisection=answer.run.id)
                kept.save(session, found)
    brought = f"{answer.culprit} brought it" if answer.culprit else "no commit was found"
    shift.progress.note(f"{regression.title}: {brought}")


def _shown(regression: Regression, answer: Answer) -> bool:
    """Whether the kernels with the commit that was found show a regression, and those before it do not."""
    findings = answer.run.comparison.findings if answer.culprit else ()
    came = (each for each in findings if each.patched.hits and not each.base.hits)
    return any(regression.titles & compare.titles(each) for each in came)
