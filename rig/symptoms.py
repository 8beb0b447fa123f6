"""What went wrong in trials, and which of it is the same bug. No I/O."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain

from rig.model import End, Outcome, Report, Sighting, Trial
from rig.reports import signature, traces
from rig.reports.sightings import BOOT

TAINTS = {4: "machine check", 5: "bad page", 7: "died", 9: "warned", 14: "soft lockup"}  # of the kernel, by bit
ANOMALY = {
    End.PANICKED: "guest panicked",
    End.HUNG: "guest hung",
    End.REBOOTED: "guest rebooted",
    End.KILLED: "guest killed at its limit",
    End.LOST: "guest lost",
    End.NEVER_BOOTED: "boot failure",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Symptom:
    """Something wrong in one trial, under any of its titles. `keys` are what it shares with others of the same bug."""

    titles: frozenset[str]
    keys: frozenset[str]
    title: str
    type: str
    workload: str
    trial: Trial
    text: str
    offset: int
    report: Report | None = None
    case: str = ""  # the test that failed, if it is one of several


def symptoms(trial: Trial) -> Iterator[Symptom]:
    """Yield all that went wrong in `trial`: its reports, then what no report explains."""
    explained = {sighting.workload for sighting in trial.sightings}
    for sighting in trial.sightings:
        yield _from_report(trial, sighting)
    for outcome in trial.outcomes:
        cases = tuple(_failed_cases(trial, outcome))
        yield from cases
        explained |= {outcome.workload for _ in cases}
        if outcome.status.failed and outcome.workload not in explained:
            explained.add(outcome.workload)
            text = "\n".join(filter(None, (outcome.reason, outcome.output)))
            yield _unreported(trial, failed(outcome.workload), "WORKLOAD", outcome.workload, text)
        yield from _from_checks(trial, outcome, explained)
    last = under(trial)
    if trial.end in ANOMALY and last not in explained:
        title = ANOMALY[trial.end] if last == BOOT else f"{ANOMALY[trial.end]} in {last}"
        kind = "BOOT" if trial.end is End.NEVER_BOOTED else "GUEST"
        yield _unreported(trial, title, kind, last, trial.end_reason)


def failed(workload: str, case: str = "") -> str:
    """Return the title for a workload, or a test of one, that failed without a report."""
    return f"{case} failed in {workload}" if case else f"{workload} failed"


def _failed_cases(trial: Trial, outcome: Outcome) -> Iterator[Symptom]:
    for case in outcome.cases:
        if case.status.failed:
            title = failed(outcome.workload, case.name)
            yield replace(_unreported(trial, title, "WORKLOAD", outcome.workload, case.reason), case=case.name)


def _from_checks(trial: Trial, outcome: Outcome, explained: set[str]) -> Iterator[Symptom]:
    """Yield what the checks after a workload found."""
    for left in outcome.left:
        text = f"{left.after} after {outcome.workload}, {left.before} before"
        yield _unreported(trial, f"memory left behind: {left.what}", "LEAK", outcome.workload, text)
    flags = [name for bit, name in TAINTS.items() if outcome.tainted >> bit & 1]
    if flags and outcome.workload not in explained:
        title = f"kernel tainted without a report: {', '.join(flags)}"
        yield _unreported(trial, title, "TAINT", outcome.workload, f"taint bits {outcome.tainted:#x}")


def under(trial: Trial) -> str:
    """Return the workload during which `trial` ended ("boot" if none had started)."""
    return trial.outcomes[-1].workload if trial.outcomes else BOOT


def _from_report(trial: Trial, sighting: Sighting) -> Symptom:
    report = sighting.report
    return Symptom(
        titles=signature.titles(report),
        keys=signature.keys(report),
        title=report.title,
        type=report.type,
        workload=sighting.workload,
        trial=trial,
        text="\n".join(traces.own(report.text.split("\n")[report.lead :])),
        offset=report.start,
        report=report,
    )


def _unreported(trial: Trial, title: str, kind: str, workload: str, text: str) -> Symptom:
    known = frozenset((title,))
    return Symptom(
        titles=known, keys=known, title=title, type=kind, workload=workload, trial=trial, text=text, offset=0
    )


def grouped(all_symptoms: Iterable[Symptom]) -> list[list[Symptom]]:
    """Return symptoms grouped by bug, in order of sight: those that share a key, directly or by way of others.

    Reports that contradict each other stay apart; what fits to both goes to the one seen first.
    """
    groups: dict[int, list[Symptom]] = {}  # by the number of their first symptom
    leading: defaultdict[str, set[int]] = defaultdict(set)
    for number, symptom in enumerate(all_symptoms):
        meeting = sorted({first for key in symptom.keys for first in leading[key]})
        joined: dict[int, list[Symptom]] = {}
        for first in meeting:
            if _fit(groups[first], [symptom, *chain(*joined.values())]):
                joined[first] = groups.pop(first)
        home = min(joined, default=number)
        groups[home] = [*chain(*joined.values()), symptom]
        for key in {key for member in groups[home] for key in member.keys} if len(joined) > 1 else symptom.keys:
            leading[key] = leading[key] - joined.keys() | {home}
    return [groups[first] for first in sorted(groups)]


def _fit(some: list[Symptom], others: list[Symptom]) -> bool:
    """Whether no report of `some` says that one of `others` is of another bug."""
    return not any(signature.contradict(one, other) for one in _variants(some) for other in _variants(others))


def _variants(members: list[Symptom]) -> Collection[Report]:
    """Return the reports of `members`, one for all that are alike."""
    return {(each.title, each.report.signature): each.report for each in members if each.report}.values()
