"""A run as plain test results, for formats that know only passed, failed, broken and skipped. No I/O.

What fails is what the comparison puts down to the patch, so that a CI job that goes by these results says what the
verdict says: a workload that fails without the patch too is skipped, with that as the reason.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from rig.compare import OPEN
from rig.model import (
    Build,
    BuildFailure,
    Case,
    Checked,
    Comparison,
    End,
    Finding,
    FindingStatus,
    Kernel,
    Outcome,
    Run,
    Status,
    Trial,
)
from rig.model import Verdict as V
from rig.render import excerpt, wording
from rig.render.escape import printable
from rig.reports.sightings import BOOT
from rig.symptoms import failed

INTRODUCED = (FindingStatus.NEW, FindingStatus.SEEN)  # what makes the verdict "regression"


def is_open(finding: Finding) -> bool:
    """Whether more trials could show that the patch introduced it."""
    return finding.status in OPEN and finding.patched.hits > 0


class State(StrEnum):
    """What came of a test."""

    PASSED = "passed"
    FAILED = "failed"  # and the patch is to blame
    BROKEN = "broken"  # it should have said something, and could not
    SKIPPED = "skipped"  # says nothing about the patch


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What came of one test; `inner` are the tests it consists of."""

    name: str
    state: State
    reason: str = ""  # one line
    text: str = ""  # the evidence, any number of lines
    seconds: float = 0.0
    inner: tuple["Result", ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """Results that belong together. `group` is what was looked at: the comparison, its findings, or a side."""

    group: str
    name: str
    results: tuple[Result, ...]


def suites(run: Run) -> tuple[Suite, ...]:
    """Return the results of `run`: the verdict, the findings, the commits, then what each side did, by workload."""
    return tuple(suite for suite in (_verdict(run), _findings(run), *_commits(run), *_sides(run)) if suite.results)


def _commits(run: Run) -> Iterator[Suite]:
    """Yield what came of each commit of a series by itself."""
    for commit in run.presubmit.commits if run.presubmit else ():
        yield Suite(group="commit", name=f"{commit.short} {commit.subject}", results=tuple(_of_commit(commit)))


def _of_commit(commit: Checked) -> Iterator[Result]:
    errors = [f"{each.kind}: {each.text}" for each in commit.complaints if each.level == "ERROR"]
    yield _passed_if(not errors, "checkpatch", "; ".join(errors))
    if commit.build is Build.LEFT_OUT:
        yield Result(name="build", state=State.SKIPPED, reason="what comes before it does not apply")
        return
    yield _passed_if(commit.build is Build.BUILT, "build", "it does not build")
    yield _passed_if(not commit.warnings, "warnings", "; ".join(each.text for each in commit.warnings))
    for trial in commit.trials:
        yield _passed_if(trial.end is End.FINISHED, f"boot {trial.index}", f"{trial.end}: {trial.end_reason}")


def _passed_if(good: bool, name: str, reason: str) -> Result:
    return Result(name=name, state=State.PASSED if good else State.FAILED, reason="" if good else printable(reason))


# ---- what the comparison says

_VERDICTS = {V.CLEAN: State.PASSED, V.REGRESSION: State.FAILED, V.INCONCLUSIVE: State.BROKEN, V.ERROR: State.BROKEN}


def _verdict(run: Run) -> Suite:
    """One test that passes exactly if the comparison is clean; its name is the same every time."""
    comparison = run.comparison
    result = Result(
        name=wording.title(run),
        state=_VERDICTS[comparison.verdict],
        reason=f"{comparison.verdict}: {wording.tally(comparison) or 'no findings'}",
        text="\n".join(map(printable, comparison.notes)),
        seconds=run.seconds,
    )
    return Suite(group="verdict", name="verdict", results=(result,))


def _findings(run: Run) -> Suite:
    """Return the findings, each a test that it should not be there."""
    results = tuple(_finding(finding, run.comparison) for finding in run.comparison.findings)
    return Suite(group="findings", name="findings", results=results)


def _finding(finding: Finding, comparison: Comparison) -> Result:
    also = f"also: {'; '.join(map(printable, finding.alt_titles))}" if finding.alt_titles else ""
    place = excerpt.where(finding)
    console = excerpt.console(finding)
    seen = f"see {console}" if console else ""
    under = printable(f"under {finding.workload}, profile {finding.profile}")
    told = (under, f"at {place}" if place else "", also, *excerpt.lines(finding), printable(finding.advice), seen)
    return Result(
        name=wording.one_line(finding.title),
        state=_state(finding, comparison),
        reason=wording.one_line(f"{finding.status}: {finding.explanation}"),
        text="\n".join(filter(None, told)),
    )


def _state(finding: Finding, comparison: Comparison) -> State:
    if finding.status in INTRODUCED:
        return State.FAILED
    if finding.status in OPEN:  # broken only where the verdict hangs on it
        return State.BROKEN if comparison.verdict is V.INCONCLUSIVE and is_open(finding) else State.SKIPPED
    return State.PASSED


# ---- what each side did


def _sides(run: Run) -> Iterator[Suite]:
    for side, kernel in (("base", run.base), ("patched", run.patched)):
        if kernel:
            yield Suite(group=side, name=excerpt.BUILD, results=_build(kernel, run))
            trials = tuple(trial for trial in run.trials if trial.side == side)
            yield Suite(group=side, name=BOOT, results=tuple(_boot(trial, run) for trial in trials))
            for workload in _workloads(trials):
                results = tuple(_outcome(*pair, run) for pair in _of(trials, workload))
                yield Suite(group=side, name=workload, results=results)


def _build(kernel: Kernel | BuildFailure, run: Run) -> tuple[Result, ...]:
    if isinstance(kernel, Kernel):  # it may have been built long ago: that time is none of this run's
        return (Result(name=kernel.name, state=State.PASSED),) if kernel.tree else ()
    state, text = State.FAILED if kernel is run.patched else State.BROKEN, "\n".join(map(printable, kernel.errors))
    return (Result(name=kernel.name, state=state, reason="does not compile", text=text, seconds=kernel.seconds),)


def _boot(trial: Trial, run: Run) -> Result:
    name = f"trial {trial.index}"
    if trial.end is not End.NEVER_BOOTED:
        return Result(name=name, state=State.PASSED, seconds=trial.ready_seconds)
    state, reason = _blame(trial.side, BOOT, f"{trial.end}: {trial.end_reason}", run)
    return Result(name=name, state=state, reason=wording.one_line(reason), seconds=trial.seconds)


def _workloads(trials: tuple[Trial, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(outcome.workload for trial in trials for outcome in trial.outcomes))


def _of(trials: tuple[Trial, ...], workload: str) -> Iterator[tuple[Trial, Outcome]]:
    for trial in trials:
        yield from ((trial, outcome) for outcome in trial.outcomes if outcome.workload == workload)


def _outcome(trial: Trial, outcome: Outcome, run: Run) -> Result:
    state, reason = _judged(outcome, trial.side, outcome.workload, "", run)
    reports = (each.report.title for each in trial.sightings if each.workload == outcome.workload)
    told = [f"report: {each}" for each in dict.fromkeys(reports)]
    if state is not State.PASSED:
        told += [outcome.output]
    return Result(
        name=f"trial {trial.index}",
        state=state,
        reason=wording.one_line(reason),
        text=printable("\n".join(filter(None, told))),
        seconds=outcome.seconds,
        inner=tuple(_case(case, outcome.workload, trial, run) for case in outcome.cases),
    )


def _case(case: Case, workload: str, trial: Trial, run: Run) -> Result:
    state, reason = _judged(case, trial.side, workload, case.name, run)
    text = printable(reason) if "\n" in reason else ""
    return Result(
        name=wording.one_line(case.name), state=state, reason=wording.one_line(reason), text=text, seconds=case.seconds
    )


def _judged(done: Outcome | Case, side: str, workload: str, case: str, run: Run) -> tuple[State, str]:
    if done.status in (Status.PASS, Status.DONE):
        return State.PASSED, ""
    if done.status is Status.SKIP:
        return State.SKIPPED, done.reason
    return _blame(side, workload, f"{done.status}: {done.reason}", run, case)


def _blame(side: str, workload: str, reason: str, run: Run, case: str = "") -> tuple[State, str]:
    """Return whether what went wrong there is the patch's doing, and why."""
    title = failed(workload, case)
    about = [each for each in run.comparison.findings if workload in each.workload.split(", ")]
    own = [each for each in about if title in (each.title, *each.alt_titles)]
    tried = side == "patched" or not run.patched
    if tried and any(each.status in INTRODUCED for each in own or about):
        return State.FAILED, reason
    return State.SKIPPED, f"{reason} (not put down to the patch)" if run.patched else reason
