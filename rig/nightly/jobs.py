"""The jobs of a night: each a run of its own, begun, gone on with, or taken in where it is finished already."""

import json
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rig import bisecting, filing, inputs, paths, pipeline, plan, store, stored
from rig.errors import BuildError, InputError, RigError
from rig.experiment import Overrides, Plan
from rig.memory import nights, runs
from rig.memory import regressions as kept
from rig.memory.values import UNBUILT, Job, Regression
from rig.model import BuildFailure, Environment, Kernel, Recipe, Run, Trial
from rig.nightly import regressions
from rig.nightly.kernels import Line
from rig.nightly.shift import Shift
from rig.render import bisection as words

BISECTION = "bisection.json"  # in the directory of a search


async def stress(shift: Shift, job: Job) -> Job:
    """Compare a kernel's tip with its release at a place."""
    line, asked = shift.lines[job.where.kernel], shift.about(job)
    planned = plan.of(line.base, line.tip, file=shift.file.plan, overrides=asked)
    return await _done(shift, job, planned, _command("compare", line, (line.base, line.tip), asked))


async def verify(shift: Shift, job: Job, regression: Regression) -> Job:
    """Run a kernel's tip by itself as often as it takes to show that something is gone."""
    asked = replace(shift.about(job), repeats=max(1, regressions.missing(regression) or 1))
    line = shift.lines[job.where.kernel]
    planned = plan.of(line.tip, None, file=shift.file.plan, overrides=asked)
    return await _done(shift, job, planned, _command("run", line, (line.tip,), asked))


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a search for a commit came to."""

    run: Run  # the kernels before the answer against those that have it
    culprit: str  # "a1b2c3d subject", or those that can't be told apart; "" if it is undecided
    odds: float | None


async def bisect(shift: Shift, job: Job, regression: Regression) -> Answer | None:
    """Search for the commit that brought a regression in; None if that could not be done."""
    line = shift.lines[job.where.kernel]
    asked = replace(shift.about(job), repeats=None, confirm=None)
    sides = line.at(regression.good), line.at(regression.bad)
    planned = plan.of(*sides, file=shift.file.plan, overrides=asked)
    command = _command("bisect", line, sides, asked) + f" --finding {shlex.quote(regression.title)}"
    if not _finished(job):
        try:
            with _draft(shift, job) as (draft, job):
                found, run = await bisecting.bisect(planned, regression.title, draft, shift.progress, command)
                draft.add(BISECTION, words.to_json(found))
                filing.add(run, draft)
        except RigError as error:
            _failed(shift, job, error)
            return None
    job = _taken_in(shift, job, store.read(_directory(job)))
    return _answer(_directory(job))


def _answer(directory: Path) -> Answer:
    said = json.loads((directory / BISECTION).read_text())
    likeliest: dict[str, Any] = said["suspects"][0] if said["found"] else {"commits": (), "odds": None}
    culprit = ", ".join(f"{commit['short']} {commit['subject']}" for commit in likeliest["commits"])
    return Answer(run=store.read(directory), culprit=culprit, odds=likeliest["odds"])


async def _done(shift: Shift, job: Job, planned: Plan, command: str) -> Job:
    """Carry out a job that runs kernels; what was finished of it before is not done again."""
    if _finished(job):
        return _taken_in(shift, job, store.read(_directory(job)))
    try:
        with _draft(shift, job) as (draft, job):
            run = await _run(shift, job, planned, draft, command)
    except RigError as error:
        return _failed(shift, job, error)
    return _taken_in(shift, job, run)


async def _run(shift: Shift, job: Job, planned: Plan, draft: store.Draft, command: str) -> Run:
    kept = inputs.copy(planned, draft.directory)

    def lend(kernel: Kernel, environment: Environment) -> tuple[Trial, ...]:
        with shift.memory.reading() as session:
            known = runs.base_trials(
                session,
                digest=kernel.digest,
                profile=planned.profile.name,
                environment=environment,
                seconds=planned.seconds,
            )
        return stored.lend(_enough(known, planned), "base", draft)

    run = await pipeline.run(
        planned,
        draft,
        shift.progress,
        command,
        before=draft.kept(),
        lend=lend if planned.patched else None,
        sure=_confirmed(shift, job.where.kernel),
    )
    filing.add(run, draft)
    filing.add_script(run, draft, inputs.write(kept, run, draft.directory))
    return run


def _confirmed(shift: Shift, kernel: str) -> frozenset[str]:
    """Return the titles that are known to be a kernel's own: what they cost to confirm was spent before."""
    with shift.memory.reading() as session:
        known = kept.regressions(session, kernel, open_only=True)
    return frozenset(title for each in known if each.standing == "confirmed" for title in each.titles)


def _enough(known: tuple[Trial, ...], planned: Plan) -> tuple[Trial, ...]:
    """Return the trials that are worth having: as many as are planned of each workload."""
    taken: list[Trial] = []
    for name in (entry.name for entry in planned.workloads):
        able = [trial for trial in known if any(each.workload == name for each in trial.outcomes)]
        lacking = planned.repeats - sum(trial in taken for trial in able)
        taken += [trial for trial in able if trial not in taken][: max(0, lacking)]
    return tuple(taken)


def _command(verb: str, line: Line, kernels: tuple[Recipe, ...], asked: Overrides) -> str:
    """Return the command that does what a job does, by itself."""
    names = [each.source.rev if line.repository and each.source and each.source.rev else each.name for each in kernels]
    options = {
        "profile": asked.profile,
        "repeats": asked.repeats,
        "seconds": asked.seconds,
        "vcpus": asked.vcpus,
        "memory": asked.memory,
        "tree": line.repository,
    }
    words = [f"--{name}={value}" for name, value in options.items() if value is not None]
    words += [f"--workload={name}" for name in asked.workloads] + [f"--cmdline={word}" for word in asked.cmdline]
    return shlex.join(("rig", verb, *names, *words))


# ---- what becomes of a job


def _directory(job: Job) -> Path:
    return paths.runs() / job.run


def _finished(job: Job) -> bool:
    """Whether a job's run was whole when the night was interrupted."""
    return bool(job.run) and (_directory(job) / store.RESULT).is_file()


@contextmanager
def _draft(shift: Shift, job: Job) -> Iterator[tuple[store.Draft, Job]]:
    """Yield the run directory of a job, the one of before it was interrupted if there is one, and the job with it."""
    again = job.run and _directory(job).with_name(job.run + store.PARTIAL).is_dir()
    if again:
        shift.progress.note(f"going on with {job.run}")
    with store.resumed(job.run) if again else store.draft() as draft:
        draft.await_resumption()
        yield draft, shift.save(replace(job, run=draft.id, state="running"))


def _taken_in(shift: Shift, job: Job, run: Run) -> Job:
    """Remember a run that is finished, and that its job is."""
    with shift.memory.session() as session:
        runs.take(session, run, str(_directory(replace(job, run=run.id))), night=shift.night.id, where=job.where)
    _tell_tree(shift, job, run)
    broken = f"{run.patched.name} {UNBUILT}" if isinstance(run.patched, BuildFailure) else ""
    return shift.save(replace(job, run=run.id, state="done", taken=run.seconds, why=broken or job.why))


def _tell_tree(shift: Shift, job: Job, run: Run) -> None:
    """Remember which tree a kernel is, now that it was built."""
    if not isinstance(run.patched, Kernel) or job.kind != "stress":
        return
    with shift.memory.session() as session:
        for tip in nights.tips(session, shift.night.id):
            if tip.kernel == job.where.kernel and not tip.tree:
                nights.save_tip(session, replace(tip, tree=run.patched.tree))


def _failed(shift: Shift, job: Job, error: RigError) -> Job:
    """Remember that a job could not be done, and why; the night goes on."""
    shift.progress.note(f"job {job.number} failed: {error}")
    why = str(error).splitlines()[0]
    kind = f"the base {UNBUILT}: " if isinstance(error, BuildError) else ""
    if isinstance(error, InputError) and error.hint:
        why += f" ({error.hint})"
    return shift.save(replace(job, state="failed", why=kind + why))
