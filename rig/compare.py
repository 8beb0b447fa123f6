"""Trials of both sides to findings, metric changes and a verdict. No I/O."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain
from statistics import median
from typing import Literal

from rig import statistics
from rig.model import (
    BuildFailure,
    Comparison,
    CompilerWarning,
    Count,
    End,
    Finding,
    FindingStatus,
    Kernel,
    Metric,
    MetricChange,
    MetricKind,
    Outcome,
    Report,
    Sighting,
    Status,
    Trial,
    Verdict,
)
from rig.reports import signature, traces

SideName = Literal["base", "patched"]
FAILED = (Status.FAIL, Status.ERROR)
BOOT = "boot"  # the workload of what is seen before the first one
ANOMALY = {
    End.PANICKED: "guest panicked",
    End.HUNG: "guest hung",
    End.REBOOTED: "guest rebooted",
    End.KILLED: "guest killed at its limit",
    End.LOST: "guest lost",
    End.NEVER_BOOTED: "boot failure",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One side of a comparison: its kernel, or why there is none, and its trials."""

    kernel: Kernel | BuildFailure
    trials: tuple[Trial, ...] = ()


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


def symptoms(trial: Trial) -> Iterator[Symptom]:
    """Yield all that went wrong in `trial`: its reports, then what no report explains."""
    explained = {sighting.workload for sighting in trial.sightings}
    for sighting in trial.sightings:
        yield _from_report(trial, sighting)
    for outcome in trial.outcomes:
        failed = tuple(_failed_cases(trial, outcome))
        yield from failed
        explained |= {outcome.workload for _ in failed}
        if outcome.status in FAILED and outcome.workload not in explained:
            explained.add(outcome.workload)
            text = "\n".join(filter(None, (outcome.reason, outcome.output)))
            yield _unreported(trial, f"{outcome.workload} failed", "WORKLOAD", outcome.workload, text)
    last = under(trial)
    if trial.end in ANOMALY and last not in explained:
        title = ANOMALY[trial.end] if last == BOOT else f"{ANOMALY[trial.end]} in {last}"
        kind = "BOOT" if trial.end is End.NEVER_BOOTED else "GUEST"
        yield _unreported(trial, title, kind, last, trial.end_reason)


def _failed_cases(trial: Trial, outcome: Outcome) -> Iterator[Symptom]:
    for case in outcome.cases:
        if case.status in FAILED:
            title = f"{case.name} failed in {outcome.workload}"
            yield _unreported(trial, title, "WORKLOAD", outcome.workload, case.reason)


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


def valid(trial: Trial, workload: str) -> bool:
    """Whether `trial` could have shown something under `workload`: it made progress with its detectors alive.

    A workload in which something was seen counts as well: it reached the place, however it ended.
    """
    if workload == BOOT:
        return True
    if any(sighting.workload == workload for sighting in trial.sightings):
        return True
    spent = False
    for outcome in trial.outcomes:
        if outcome.workload == workload:
            return not spent and (outcome.progressed or outcome.status is Status.FAIL)
        spent = spent or bool(outcome.detectors_lost)
    return False


def _count(trials: tuple[Trial, ...], members: list[Symptom], workloads: frozenset[str]) -> Count:
    hit = {id(member.trial) for member in members}
    able = [trial for trial in trials if id(trial) in hit or any(valid(trial, name) for name in workloads)]
    return Count(hits=sum(id(trial) in hit for trial in able), trials=len(able))


def _blind(trials: tuple[Trial, ...], workloads: frozenset[str]) -> bool:
    """Whether a side saw nothing because a detector was spent by something else."""
    return any(outcome.detectors_lost for trial in trials for outcome in trial.outcomes) and not any(
        valid(trial, name) for trial in trials for name in workloads
    )


def _status(base: Count, patched: Count, *, masked: bool) -> tuple[FindingStatus, float | None]:
    """Return the status and the one-sided p of a finding with these counts."""
    if masked:
        return FindingStatus.MASKED, None
    if not base.trials or not patched.trials:
        return FindingStatus.INCONCLUSIVE, None
    counts = (base.hits, base.trials), (patched.hits, patched.trials)
    worse, better = statistics.more_often(*counts), statistics.more_often(*reversed(counts))
    p_value = min(worse, better)
    sure = p_value <= statistics.ALPHA + 1e-9  # 3 of 3 against 0 of 3 is 0.05 exactly
    if not base.hits:
        return (FindingStatus.NEW if sure else FindingStatus.INCONCLUSIVE), worse
    if not patched.hits:
        return (FindingStatus.FIXED if sure else FindingStatus.INCONCLUSIVE), better
    if not sure:
        return FindingStatus.BOTH, p_value
    return (FindingStatus.MORE_OFTEN if worse < better else FindingStatus.LESS_OFTEN), p_value


def _explain(status: FindingStatus, base: Count, patched: Count) -> str:
    words = f"{patched.hits} of {patched.trials} patched, {base.hits} of {base.trials} base"
    zero = base if not base.hits else patched if not patched.hits else None
    if status is FindingStatus.MASKED:
        return f"{words}; the other side's detectors were spent by another report"
    if zero and zero.trials:
        side = "base" if zero is base else "patched"
        words += f"; up to {statistics.upper_bound(zero.trials):.0%} of {side} trials could still show it"
    return words


def _finding(members: list[Symptom], base: Side, patched: Side, profile: str) -> Finding:
    places = Counter(member.workload for member in members)
    workloads = frozenset(places)
    counts = [_count(side.trials, members, workloads) for side in (base, patched)]
    masked = any(
        not count.hits and _blind(side.trials, workloads) for count, side in zip(counts, (base, patched), strict=True)
    )
    status, p_value = _status(*counts, masked=masked)
    first = next((member for member in members if not (member.report and member.report.corrupted)), members[0])
    titles = {title for member in members for title in member.titles} - {first.title}
    return Finding(
        title=first.title,
        alt_titles=tuple(sorted(titles)),
        type=first.type,
        status=status,
        workload=", ".join(name for name, _ in places.most_common()),
        profile=profile,
        base=counts[0],
        patched=counts[1],
        p_value=p_value,
        explanation=_explain(status, *counts),
        example=first.text,
        place=first.report.place if first.report else None,
        source=first.report.source if first.report else (),
        console=first.trial.console,
        offset=first.offset,
    )


# ---- builds


def _build_finding(failure: BuildFailure) -> Finding:
    error = failure.errors[0] if failure.errors else "see the build log"
    return Finding(
        title=f"build failure: {error}",
        type="BUILD",
        status=FindingStatus.NEW,
        workload="build",
        profile=failure.profile,
        base=Count(hits=0, trials=1),
        patched=Count(hits=1, trials=1),
        explanation="base builds, patched does not",
        example="\n".join(failure.errors),
        console=failure.log.name,
    )


def _identity(warning: CompilerWarning) -> tuple[str, str, str, str]:
    return warning.file, warning.function, warning.flag, warning.text


def _warning_findings(base: Kernel, patched: Kernel) -> Iterator[Finding]:
    """Yield compiler warnings that came or went, compared as multisets without line numbers."""
    before, after = (Counter(map(_identity, kernel.warnings)) for kernel in (base, patched))
    for status, gone in ((FindingStatus.NEW, after - before), (FindingStatus.FIXED, before - after)):
        for (file, function, flag, text), _ in sorted(gone.items()):
            key = (file, function, flag, text)
            yield Finding(
                title=f"compiler warning: {file}: {text}" + (f" [{flag}]" if flag else ""),
                type="COMPILER",
                status=status,
                workload="build",
                profile=patched.profile,
                base=Count(hits=min(before[key], 1), trials=1),
                patched=Count(hits=min(after[key], 1), trials=1),
                explanation=f"{after[key]} times patched, {before[key]} times base"
                + (f", in {function}()" if function else ""),
            )


# ---- metrics


def _values(trials: tuple[Trial, ...]) -> dict[tuple[str, str], list[float]]:
    found: dict[tuple[str, str], list[float]] = {}
    for outcome, metric in _metrics(trials):
        found.setdefault((outcome.workload, metric.name), []).append(metric.value)
    return found


def _metrics(trials: tuple[Trial, ...]) -> Iterator[tuple[Outcome, Metric]]:
    for trial in trials:
        for outcome in trial.outcomes:
            if outcome.status is Status.PASS:
                for metric in outcome.metrics:
                    yield outcome, metric


def metric_changes(base: tuple[Trial, ...], patched: tuple[Trial, ...]) -> tuple[MetricChange, ...]:
    """Return every metric that both sides measured.

    Only exact ones are ever called significant: the emulated, instrumented guests of a sanitizer profile say
    nothing about speed.
    """
    before, after = _values(base), _values(patched)
    described = {(outcome.workload, metric.name): metric for outcome, metric in _metrics(base + patched)}
    return tuple(
        _change(key, metric, tuple(before[key]), tuple(after[key]))
        for key, metric in described.items()
        if key in before and key in after
    )


def _change(key: tuple[str, str], metric: Metric, base: tuple[float, ...], patched: tuple[float, ...]) -> MetricChange:
    middle, other = median(base), median(patched or base)
    apart = bool(patched) and (max(base) < min(patched) or max(patched) < min(base))
    return MetricChange(
        workload=key[0],
        name=metric.name,
        unit=metric.unit,
        kind=metric.kind,
        base=base,
        patched=patched,
        change=(other - middle) / middle if middle else None,
        p_value=statistics.rank_test(base, patched),
        significant=metric.kind is MetricKind.EXACT and apart,
    )


# ---- the whole


def suspicions(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return the findings that seem new or fixed and that more trials could settle."""
    one_sided = (finding for finding in findings if finding.p_value is not None and finding.workload != "build")
    return tuple(finding for finding in one_sided if not finding.base.hits or not finding.patched.hits)


def undecided(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return the suspicions that the trials so far could not settle."""
    return tuple(finding for finding in suspicions(findings) if finding.status is FindingStatus.INCONCLUSIVE)


def _gaps(side: Side, name: SideName, planned: tuple[str, ...]) -> Iterator[str]:
    """Yield what `side` can't vouch for: planned workloads that no trial got anywhere with."""
    for workload in planned:
        if any(valid(trial, workload) for trial in side.trials):
            continue
        outcomes = [outcome for trial in side.trials for outcome in trial.outcomes if outcome.workload == workload]
        why = next((f"{outcome.status}: {outcome.reason}" for outcome in outcomes), "it never ran")
        yield f"{workload} showed nothing on {name}: {why}"


def _verdict(findings: tuple[Finding, ...], gaps: tuple[str, ...]) -> Verdict:
    if any(finding.status is FindingStatus.NEW for finding in findings):
        return Verdict.REGRESSION
    doubtful = (FindingStatus.INCONCLUSIVE, FindingStatus.MASKED)
    if gaps or any(finding.status in doubtful and finding.patched.hits for finding in findings):
        return Verdict.INCONCLUSIVE
    return Verdict.CLEAN


def compare(base: Side, patched: Side, *, planned: tuple[str, ...], profile: str) -> Comparison:
    """Return what differs between the sides. `planned` are the names of the workloads that should have run."""
    if isinstance(base.kernel, BuildFailure):
        return Comparison(verdict=Verdict.ERROR, findings=(), metrics=(), notes=("base does not build",))
    if isinstance(patched.kernel, BuildFailure):
        return Comparison(verdict=Verdict.REGRESSION, findings=(_build_finding(patched.kernel),), metrics=())
    if base.trials and all(trial.end is End.NEVER_BOOTED for trial in base.trials):
        reason = base.trials[0].end_reason
        return Comparison(verdict=Verdict.ERROR, findings=(), metrics=(), notes=(f"base does not boot: {reason}",))
    seen = [symptom for trial in base.trials + patched.trials for symptom in symptoms(trial)]
    found = [_finding(members, base, patched, profile) for members in grouped(seen)]
    findings = (*found, *_warning_findings(base.kernel, patched.kernel))
    explained = any(finding.status is FindingStatus.NEW for finding in findings)
    gaps = (*_gaps(base, "base", planned), *(() if explained else _gaps(patched, "patched", planned)))
    order = list(FindingStatus)
    return Comparison(
        verdict=_verdict(findings, gaps),
        findings=tuple(sorted(findings, key=lambda finding: order.index(finding.status))),
        metrics=metric_changes(base.trials, patched.trials),
        notes=gaps,
    )


def alone(side: Side, *, planned: tuple[str, ...], profile: str) -> Comparison:
    """Return what one kernel shows by itself: every finding as seen, none compared."""
    if isinstance(side.kernel, BuildFailure):
        return Comparison(verdict=Verdict.ERROR, findings=(), metrics=(), notes=(f"{side.kernel.name} does not build",))
    groups = grouped(symptom for trial in side.trials for symptom in symptoms(trial))
    found = [_finding(members, side, replace(side, trials=()), profile) for members in groups]
    seen = tuple(replace(each, status=FindingStatus.SEEN, p_value=None, explanation=_seen(each.base)) for each in found)
    gaps = tuple(_gaps(side, "base", planned))
    verdict = Verdict.REGRESSION if seen else Verdict.INCONCLUSIVE if gaps else Verdict.CLEAN
    return Comparison(verdict=verdict, findings=seen, metrics=_measured(side), notes=gaps)


def _seen(count: Count) -> str:
    return f"{count.hits} of {count.trials} trials"


def _measured(side: Side) -> tuple[MetricChange, ...]:
    """Return the metrics of a side by itself."""
    values = _values(side.trials)
    described = {(outcome.workload, metric.name): metric for outcome, metric in _metrics(side.trials)}
    return tuple(_change(key, metric, tuple(values[key]), ()) for key, metric in described.items())
