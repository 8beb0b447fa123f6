"""Runs in the memory: taken in whole, and what their trials came to."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import Select, exists, func, select
from sqlalchemy.orm import Session

from rig.compare import SideName, valid
from rig.errors import InputError
from rig.memory import metrics, rows
from rig.memory.nights import of_tip
from rig.memory.tables import (
    BodyRow,
    BuildRow,
    FindingRow,
    OutcomeRow,
    RunRow,
    SightingRow,
    TrialRow,
)
from rig.memory.values import Cell, Where
from rig.model import BuildFailure, Environment, Finding, FindingStatus, Kernel, Run, Shape, Status, Trial
from rig.reports.sightings import BOOT
from rig.symptoms import symptoms

_RUN = TypeAdapter(Run)
_FINDING = TypeAdapter(Finding)
NEWEST = (RunRow.began.desc(), RunRow.id.desc())


# ---- taking in


def take(s: Session, run: Run, directory: str, *, night: str = "", where: Where | None = None) -> bool:
    """Keep a run of a night ("": of none) at its place, by default what the run says of it; False if it was there."""
    if has(s, run.id):
        return False
    where = where or place(run)
    s.add(_row(run, directory, night, where))
    s.flush()
    s.add(BodyRow(run=run.id, json=rows.packed(_RUN, run)))
    s.add_all(_builds(run))
    s.add_all(_findings(run))
    trials = _trials(s, run)
    rows.add(s, OutcomeRow, [each for number, trial in trials for each in _outcomes(number, trial)])
    rows.add(s, SightingRow, [each for number, trial in trials for each in _sightings(run, number, trial)])
    for own in (True, False):
        metrics.take(s, where, [(number, trial) for number, trial in trials if _own(run, trial.side) is own], own=own)
    return True


def place(run: Run) -> Where:
    """Return where in a matrix a run belongs, by what it says itself."""
    environment, usual = run.environment, Shape()
    shape = Shape(vcpus=environment.vcpus, memory_mib=environment.memory_mib, cmdline=environment.cmdline)
    words = f"{shape.vcpus} vCPUs, {shape.memory_mib} MiB{''.join(f', {word}' for word in shape.cmdline)}"
    kernel = (run.patched or run.base).name
    return Where(kernel=kernel, profile=environment.profile, shape="default" if shape == usual else words)


def _own(run: Run, side: SideName) -> bool:
    """Whether a side is the kernel the run is about, and not what that is compared with."""
    return side == "patched" or run.patched is None


def _row(run: Run, directory: str, night: str, where: Where) -> RunRow:
    shared = ("host", "accel", "clock", "vcpus", "threads", "memory_mib", "cmdline", "image", "qemu", "seed")
    return RunRow(
        id=run.id,
        night=night or None,
        **rows.columns(where),
        began=run.began,
        seconds=run.seconds,
        directory=directory,
        verdict=run.comparison.verdict.value,
        **{name: getattr(run.environment, name) for name in shared},
        stress=run.settings.seconds if run.settings else None,
    )


def _builds(run: Run) -> Iterator[BuildRow]:
    spent = {stage.what: stage.seconds for stage in run.stages}
    sides: tuple[tuple[SideName, Kernel | BuildFailure | None], ...] = (("base", run.base), ("patched", run.patched))
    for side, kernel in sides:
        if kernel:
            built = kernel if isinstance(kernel, Kernel) else None
            yield BuildRow(
                run=run.id,
                side=side,
                own=_own(run, side),
                kernel=kernel.name,
                built=built is not None,
                digest=built.digest if built else "",
                release=built.release if built else "",
                tree=kernel.tree,
                config=built.config_digest if built else "",
                compiler=built.compiler if built else "",
                seconds=kernel.seconds,
                taken=spent.get(f"build {kernel.name}", 0.0),
            )


def _findings(run: Run) -> Iterator[FindingRow]:
    for position, finding in enumerate(run.comparison.findings):
        yield FindingRow(
            run=run.id,
            position=position,
            title=finding.title,
            type=finding.type,
            status=finding.status.value,
            workload=finding.workload,
            base_hits=finding.base.hits,
            base_trials=finding.base.trials,
            patched_hits=finding.patched.hits,
            patched_trials=finding.patched.trials,
            json=rows.packed(_FINDING, finding),
        )


def _trials(s: Session, run: Run) -> list[tuple[int, Trial]]:
    """Keep the trials that were made in this run, and return them with their numbers."""
    names = ("side", "index", "kernel", "console", "ready_seconds", "seconds", "began", "dropped")
    mine = [trial for trial in run.trials if not trial.run]
    made = [
        TrialRow(
            run=run.id,
            own=_own(run, trial.side),
            end=trial.end.value,
            **{name: getattr(trial, name) for name in names},
        )
        for trial in mine
    ]
    s.add_all(made)
    s.flush()
    return [(row.id, trial) for row, trial in zip(made, mine, strict=True)]


def _outcomes(number: int, trial: Trial) -> Iterator[dict[str, Any]]:
    reported = {sighting.workload for sighting in trial.sightings}
    for position, outcome in enumerate(trial.outcomes):
        yield {
            "trial": number,
            "position": position,
            "workload": outcome.workload,
            "status": outcome.status.value,
            "seconds": outcome.seconds,
            "iterations": outcome.iterations,
            "l2_entries": outcome.l2_entries,
            "able": valid(trial, outcome.workload),
            "reported": outcome.workload in reported,
        }


def _sightings(run: Run, number: int, trial: Trial) -> Iterator[dict[str, Any]]:
    """Yield what a trial showed, by the titles of the run's findings, each once under a workload."""
    names = {title: finding.title for finding in run.comparison.findings for title in finding.alt_titles}
    names |= {finding.title: finding.title for finding in run.comparison.findings}
    seen = dict.fromkeys((symptom.workload, names.get(symptom.title, "")) for symptom in symptoms(trial))
    for position, (workload, title) in enumerate(seen):
        yield {"trial": number, "position": position, "workload": workload, "title": title}


# ---- giving back


def run(s: Session, id: str) -> Run | None:
    """Return a run; None if it is not in the memory."""
    row = s.get(BodyRow, id)
    return _whole(id, row.json) if row else None


def _whole(name: str, body: bytes) -> Run:
    """Return a run from how it is kept; raises InputError."""
    try:
        found: Run = rows.unpacked(_RUN, body)
    except ValidationError as error:
        raise InputError(f"{name}: {error}", hint="it was written by another version of rig") from error
    return found


def has(s: Session, id: str) -> bool:
    """Whether a run is in the memory."""
    return s.scalar(select(RunRow.id).where(RunRow.id == id)) is not None


def base_trials(
    s: Session, *, digest: str, profile: str, environment: Environment, seconds: int, last: int = 10
) -> tuple[Trial, ...]:
    """Return the trials of a kernel under a like environment, from the `last` runs that made any, the newest first.

    Each says which run that was. On which side the kernel was does not matter.
    """
    alike = ("accel", "clock", "vcpus", "threads", "memory_mib", "cmdline", "image", "qemu", "seed")
    conditions = [getattr(RunRow, name) == getattr(environment, name) for name in alike]
    query = (
        select(BuildRow.side, BuildRow.kernel, BodyRow.run, BodyRow.json)
        .join(RunRow, RunRow.id == BuildRow.run)
        .join(BodyRow, BodyRow.run == BuildRow.run)
        .where(BuildRow.digest == digest, RunRow.profile == profile, RunRow.stress == seconds, *conditions)
        .where(select(TrialRow.id).where(TrialRow.run == RunRow.id, TrialRow.side == BuildRow.side).exists())
    )
    found: list[Trial] = []
    for side, kernel, name, body in s.execute(query.order_by(*NEWEST).limit(last)):
        trials = (each for each in _whole(name, body).trials if each.side == side and each.kernel == kernel)
        found += [replace(each, run=name) for each in trials if not each.run]
    return tuple(found)


def cells(s: Session, night_id: str) -> tuple[Cell, ...]:
    """Return what each workload did at each place in a night, on the kernel's side; by place and name."""
    statuses: defaultdict[tuple[Where, str], Counter[Status]] = defaultdict(Counter)
    titles: defaultdict[tuple[Where, str], dict[str, None]] = defaultdict(dict)
    made: defaultdict[tuple[Where, str], dict[str, None]] = defaultdict(dict)
    for place, run_id, workload, status in _placed(s, night_id, OutcomeRow, OutcomeRow.status):
        statuses[place, workload][Status(status)] += 1
        made[place, workload][run_id] = None
    for place, run_id, workload, title in (*_placed(s, night_id, SightingRow, SightingRow.title), *_still(s, night_id)):
        if title:
            titles[place, workload][title] = None
            made[place, workload][run_id] = None
    ordered = sorted(made, key=lambda each: (each[0].kernel, each[0].profile, each[0].shape, each[1]))
    return tuple(
        Cell(
            where=each[0],
            workload=each[1],
            statuses=tuple((status, number) for status in Status if (number := statuses[each][status])),
            findings=tuple(sorted(titles[each])),
            runs=tuple(made[each]),
        )
        for each in ordered
    )


def _placed(s: Session, night_id: str, table: Any, column: Any) -> Iterator[tuple[Where, str, str, str]]:
    """Yield place, run, workload and `column` of the rows of `table` that are of a night's tips."""
    query = (
        select(RunRow.kernel, RunRow.profile, RunRow.shape, RunRow.id, table.workload, column)
        .join(TrialRow, TrialRow.run == RunRow.id)
        .join(table, table.trial == TrialRow.id)
        .where(RunRow.night == night_id, TrialRow.own, of_tip())
        .order_by(RunRow.began, TrialRow.id, table.position)
    )
    for kernel, profile, shape, run_id, workload, found in s.execute(query):
        yield Where(kernel=kernel, profile=profile, shape=shape), run_id, workload, found


def _still(s: Session, night_id: str) -> Iterator[tuple[Where, str, str, str]]:
    """Yield place, run, workload and title of a night's findings that no boot of it showed: of builds, of metrics."""
    shown = select(SightingRow.title).join(TrialRow, TrialRow.id == SightingRow.trial).where(TrialRow.run == RunRow.id)
    query = _found(night_id, FindingRow).where(FindingRow.title.not_in(shown))
    for row in s.scalars(query):
        hits = row.base_hits if row.status == FindingStatus.SEEN else row.patched_hits
        if hits:
            where = rows.value(Where, s.get_one(RunRow, row.run))
            yield from ((where, row.run, workload, row.title) for workload in row.workload.split(", "))


def findings(s: Session, night_id: str) -> tuple[tuple[Where, str, Finding], ...]:
    """Return the findings of a night's tips, each with its place and the run's ID."""
    found = s.execute(_found(night_id, RunRow.kernel, RunRow.profile, RunRow.shape, RunRow.id, FindingRow.json))
    return tuple(
        (Where(kernel=kernel, profile=profile, shape=shape), name, rows.unpacked(_FINDING, body))
        for kernel, profile, shape, name, body in found
    )


def by_hand(s: Session, fits: Callable[[Finding], bool]) -> tuple[tuple[Where, str, Finding], ...]:
    """Return the findings of runs of no night that `fits` says yes to, each with its place and the run's ID."""
    query = select(RunRow, FindingRow.json).join(FindingRow, FindingRow.run == RunRow.id).where(RunRow.night.is_(None))
    found = s.execute(query.order_by(RunRow.began, RunRow.id, FindingRow.position))
    findings = ((rows.value(Where, row), row.id, rows.unpacked(_FINDING, body)) for row, body in found)
    return tuple(each for each in findings if fits(each[2]))


def _found(night_id: str, *what: Any) -> Select[Any]:
    query = select(*what).select_from(FindingRow).join(RunRow, RunRow.id == FindingRow.run)
    return query.where(RunRow.night == night_id, of_tip()).order_by(RunRow.began, RunRow.id, FindingRow.position)


def able(
    s: Session,
    night_id: str,
    kernel: str,
    profiles: Iterable[str],
    shapes: Iterable[str],
    workloads: Iterable[str],
) -> int:
    """Return how many trials of a kernel in a night could have shown something under one of `workloads`.

    That is, one of them got on, or something was seen under it; of "boot", all trials. Trials of earlier runs that
    were used again do not count.
    """
    names = tuple(workloads)
    place = (RunRow.kernel == kernel, RunRow.profile.in_(tuple(profiles)), RunRow.shape.in_(tuple(shapes)))
    query = select(func.count()).select_from(TrialRow).join(RunRow, RunRow.id == TrialRow.run)
    query = query.where(RunRow.night == night_id, TrialRow.own, *place, of_tip())
    if BOOT not in names:
        worked = exists().where(OutcomeRow.trial == TrialRow.id, OutcomeRow.able, OutcomeRow.workload.in_(names))
        showed = exists().where(SightingRow.trial == TrialRow.id, SightingRow.workload.in_(names))
        query = query.where(worked | showed)
    return s.scalar(query) or 0
