"""Trials of both sides to findings, metric changes and a verdict. No I/O."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Literal

from rig import metrics, statistics
from rig.model import (
    BuildFailure,
    Comparison,
    CompilerWarning,
    Count,
    End,
    Finding,
    FindingStatus,
    Kernel,
    MetricChange,
    Status,
    Trial,
    Verdict,
)
from rig.reports.sightings import BOOT
from rig.symptoms import Symptom, grouped, symptoms

SideName = Literal["base", "patched"]
METRIC = "METRIC"  # the type of findings that are counters which went up
COMPILER = "COMPILER"  # the type of findings that are warnings of the compiler
OPEN = (FindingStatus.INCONCLUSIVE, FindingStatus.MASKED)  # nobody knows yet
BROKEN, WARNED = "build failure: ", "compiler warning: "  # how titles begin of what is found without a boot


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One side of a comparison: its kernel, or why there is none, and its trials."""

    kernel: Kernel | BuildFailure
    trials: tuple[Trial, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What a comparison goes by."""

    planned: tuple[str, ...]  # names of the workloads that should have run
    profile: str
    guarded: tuple[str, ...] = ()  # patterns of WORKLOAD/METRIC: exact counters that must not rise
    known: tuple[str, ...] = ()  # patterns of titles to be passed over
    alpha: float = statistics.ALPHA  # the chance of a false "new" or "fixed" that is taken
    judges_speed: bool = False  # times and rates mean something under this profile


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
    able = [trial for trial in trials if id(trial) in hit or _able(trial, members[0].case, workloads)]
    return Count(hits=sum(id(trial) in hit for trial in able), trials=len(able))


def _able(trial: Trial, case: str, workloads: frozenset[str]) -> bool:
    """Whether `trial` could have shown something under the workloads, or that one test of theirs fails: it ran then."""
    if not case:
        return any(valid(trial, name) for name in workloads)
    tests = (test for outcome in trial.outcomes if outcome.workload in workloads for test in outcome.cases)
    return any(test.name == case and (test.status.failed or test.status is Status.PASS) for test in tests)


def _blind(trials: tuple[Trial, ...], workloads: frozenset[str]) -> bool:
    """Whether a side saw nothing because a detector was spent by something else."""
    return any(outcome.detectors_lost for trial in trials for outcome in trial.outcomes) and not any(
        valid(trial, name) for trial in trials for name in workloads
    )


def _status(base: Count, patched: Count, alpha: float) -> tuple[FindingStatus, float | None]:
    """Return the status and the one-sided p of a finding with these counts.

    Trials may be added until it is sure: whatever a bug's rate, the chance that one which both sides have alike comes
    out as new stays below `alpha` over all those looks, as the exact test errs on the safe side.
    """
    if not base.trials or not patched.trials:
        return FindingStatus.INCONCLUSIVE, None
    counts = (base.hits, base.trials), (patched.hits, patched.trials)
    worse, better = statistics.more_often(*counts), statistics.more_often(*reversed(counts))
    p_value = min(worse, better)
    sure = statistics.sure(p_value, alpha)
    if not base.hits:
        return (FindingStatus.NEW if sure else FindingStatus.INCONCLUSIVE), worse
    if not patched.hits:
        return (FindingStatus.FIXED if sure else FindingStatus.INCONCLUSIVE), better
    if not sure:
        return FindingStatus.BOTH, p_value
    return (FindingStatus.MORE_OFTEN if worse < better else FindingStatus.LESS_OFTEN), p_value


def _explain(base: Count, patched: Count, alpha: float) -> str:
    words = f"{patched.hits} of {patched.trials} patched, {base.hits} of {base.trials} base"
    zero = base if not base.hits else patched if not patched.hits else None
    if zero and zero.trials:
        side = "base" if zero is base else "patched"
        words += f"; up to {statistics.upper_bound(zero.trials, 1 - alpha):.0%} of {side} trials could still show it"
    return words


def _advice(status: FindingStatus, base: Count, patched: Count, places: list[str], alpha: float) -> str:
    """Return what would settle a finding that is open; "" for others."""
    if status is FindingStatus.MASKED:
        return "another report spent the detectors before it could be seen: mend or leave out what shows that one first"
    if status is not FindingStatus.INCONCLUSIVE:
        return ""
    if not base.trials or not patched.trials:
        side = "base" if not base.trials else "patched"
        return f"no trial of {side} could have shown it: see why {', '.join(places)} got nowhere"
    needed = statistics.settled_by((base.hits, base.trials), (patched.hits, patched.trials), alpha)
    if needed is None:
        return "it is too rare to be settled by repeating; a workload that goes for it would help"
    again = " ".join((*(f"-w {place}" for place in places if place != BOOT), f"-n {needed}"))
    return f"about {needed} trials a side would settle it, if it stays as frequent: {again}"


def _finding(members: list[Symptom], base: Side, patched: Side, rules: Rules) -> Finding:
    places = Counter(member.workload for member in members)
    workloads = frozenset(places)
    counts = _count(base.trials, members, workloads), _count(patched.trials, members, workloads)
    masked = any(
        not count.trials and _blind(side.trials, workloads) for count, side in zip(counts, (base, patched), strict=True)
    )
    status, p_value = (FindingStatus.MASKED, None) if masked else _status(*counts, rules.alpha)
    order = [name for name, _ in places.most_common()]
    first = next((member for member in members if not (member.report and member.report.corrupted)), members[0])
    titles = {title for member in members for title in member.titles} - {first.title}
    return Finding(
        title=first.title,
        alt_titles=tuple(sorted(titles)),
        type=first.type,
        status=status,
        workload=", ".join(order),
        profile=rules.profile,
        base=counts[0],
        patched=counts[1],
        p_value=p_value,
        explanation=_explain(*counts, rules.alpha),
        advice=_advice(status, *counts, order, rules.alpha),
        example=first.text,
        place=first.report.place if first.report else None,
        source=first.report.source if first.report else (),
        console=first.trial.console,
        offset=first.offset,
    )


# ---- builds


def build_finding(failure: BuildFailure) -> Finding:
    """Return the finding that a kernel does not compile."""
    error = failure.errors[0] if failure.errors else "see the build log"
    return Finding(
        title=BROKEN + error,
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


def identity(warning: CompilerWarning) -> tuple[str, str, str, str]:
    """Return what stays of a warning when lines move."""
    return warning.file, warning.function, warning.flag, warning.text


def warning_title(warning: CompilerWarning) -> str:
    """Return the title of the finding that a warning is."""
    return f"{WARNED}{warning.file}: {warning.text}" + (f" [{warning.flag}]" if warning.flag else "")


def _warning_findings(base: Kernel, patched: Kernel) -> Iterator[Finding]:
    """Yield compiler warnings that came or went, compared as multisets without line numbers."""
    before, after = (Counter(map(identity, kernel.warnings)) for kernel in (base, patched))
    known = {identity(warning): warning for warning in (*base.warnings, *patched.warnings)}
    for status, gone in ((FindingStatus.NEW, after - before), (FindingStatus.FIXED, before - after)):
        for key in sorted(gone):
            yield Finding(
                title=warning_title(known[key]),
                type=COMPILER,
                status=status,
                workload="build",
                profile=patched.profile,
                base=Count(hits=min(before[key], 1), trials=1),
                patched=Count(hits=min(after[key], 1), trials=1),
                explanation=f"{after[key]} times patched, {before[key]} times base"
                + (f", in {known[key].function}()" if known[key].function else ""),
            )


# ---- counters


def rise(workload: str, name: str) -> str:
    """Return the title for a counter that is higher on patched."""
    return f"{workload}: {name} went up"


def _raised(changes: Iterable[MetricChange], rules: Rules) -> Iterator[Finding]:
    """Yield the guarded counters that are higher on patched in every trial."""
    for change in changes:
        if not (change.guarded and change.significant and min(change.patched) > max(change.base)):
            continue
        counts = Count(hits=0, trials=len(change.base)), Count(hits=len(change.patched), trials=len(change.patched))
        status, p_value = _status(*counts, rules.alpha)
        before, after = (f"{min(values):g}" for values in (change.base, change.patched))
        yield Finding(
            title=rise(change.workload, change.name),
            type=METRIC,
            status=status,
            workload=change.workload,
            profile=rules.profile,
            base=counts[0],
            patched=counts[1],
            p_value=p_value,
            explanation=f"{before} {change.unit} on base, {after} on patched, in each of {counts[1].trials} trials",
            advice=_advice(status, *counts, [change.workload], rules.alpha),
        )


# ---- the whole


def titles(finding: Finding) -> frozenset[str]:
    """Return all titles that a finding goes by."""
    return frozenset((finding.title, *finding.alt_titles))


def suspicions(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return the findings that seem new or fixed and that more trials could settle."""
    one_sided = (finding for finding in findings if finding.p_value is not None and finding.workload != "build")
    return tuple(finding for finding in one_sided if not finding.base.hits or not finding.patched.hits)


def undecided(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return the suspicions that the trials so far could not settle."""
    return tuple(finding for finding in suspicions(findings) if finding.status is FindingStatus.INCONCLUSIVE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A planned workload that no trial of a side got anywhere with."""

    side: SideName
    workload: str
    why: str
    skipped: bool  # for a reason it gave itself

    def __str__(self) -> str:
        return f"{self.workload} showed nothing on {self.side}: {self.why}"


def _gaps(side: Side, name: SideName, planned: tuple[str, ...]) -> Iterator[Gap]:
    """Yield what `side` can't vouch for."""
    for workload in planned:
        if any(valid(trial, workload) for trial in side.trials):
            continue
        outcomes = [outcome for trial in side.trials for outcome in trial.outcomes if outcome.workload == workload]
        why = next((f"{outcome.status}: {outcome.reason}" for outcome in outcomes), "it never ran")
        skipped = bool(outcomes) and all(outcome.status is Status.SKIP for outcome in outcomes)
        yield Gap(side=name, workload=workload, why=why, skipped=skipped)


def _doubtful(gaps: tuple[Gap, ...], planned: tuple[str, ...]) -> bool:
    """Whether the gaps leave a comparison open: not if something was skipped as it can't be had, and the rest ran."""
    missed = {gap.workload for gap in gaps}
    return any(not gap.skipped for gap in gaps) or (bool(gaps) and missed == set(planned))


def _sorted_out(trials: tuple[Trial, ...], known: tuple[str, ...]) -> tuple[list[Symptom], tuple[str, ...]]:
    """Return what was wrong in `trials`, without what is `known`; and a note about that."""
    wrong: list[Symptom] = []
    passed: Counter[str] = Counter()
    for symptom in (symptom for trial in trials for symptom in symptoms(trial)):
        if any(fnmatchcase(title, pattern) for title in symptom.titles for pattern in known):
            passed[symptom.title] += 1
        else:
            wrong.append(symptom)
    told = "; ".join(f"{title} ({number} times)" for title, number in sorted(passed.items()))
    return wrong, (f"passed over, as the profile knows it: {told}",) if told else ()


def _losses(trials: tuple[Trial, ...]) -> Iterator[str]:
    """Yield which consoles are not whole, so that a report may be missing."""
    for trial in trials:
        if trial.dropped:
            yield f"{trial.console} lacks {trial.dropped} messages that the kernel dropped"


def verdict(findings: tuple[Finding, ...], *, gaps: bool) -> Verdict:
    """Return what findings say as a whole, with `gaps` in what was looked at."""
    if any(finding.status is FindingStatus.NEW for finding in findings):
        return Verdict.REGRESSION
    if gaps or any(finding.status in OPEN and finding.patched.hits for finding in findings):
        return Verdict.INCONCLUSIVE
    return Verdict.CLEAN


def compare(base: Side, patched: Side, rules: Rules) -> Comparison:
    """Return what differs between the sides."""
    if isinstance(base.kernel, BuildFailure):
        return Comparison(verdict=Verdict.ERROR, findings=(), metrics=(), notes=("base does not build",))
    if isinstance(patched.kernel, BuildFailure):
        return Comparison(verdict=Verdict.REGRESSION, findings=(build_finding(patched.kernel),), metrics=())
    if base.trials and all(trial.end is End.NEVER_BOOTED for trial in base.trials):
        reason = base.trials[0].end_reason
        return Comparison(verdict=Verdict.ERROR, findings=(), metrics=(), notes=(f"base does not boot: {reason}",))
    trials = base.trials + patched.trials
    seen, known = _sorted_out(trials, rules.known)
    found = [_finding(members, base, patched, rules) for members in grouped(seen)]
    changes = metrics.changes(base.trials, patched.trials, rules.guarded, rules.alpha, judges_speed=rules.judges_speed)
    warnings = _warning_findings(base.kernel, patched.kernel)
    findings = (*found, *_raised(changes, rules), *warnings)
    explained = any(finding.status is FindingStatus.NEW for finding in findings)
    gaps = (*_gaps(base, "base", rules.planned), *(() if explained else _gaps(patched, "patched", rules.planned)))
    order = list(FindingStatus)
    return Comparison(
        verdict=verdict(findings, gaps=_doubtful(gaps, rules.planned)),
        findings=tuple(sorted(findings, key=lambda finding: order.index(finding.status))),
        metrics=changes,
        notes=(*map(str, gaps), *_unguarded(base, patched, rules), *_losses(trials), *known),
    )


def _unguarded(base: Side, patched: Side, rules: Rules) -> Iterator[str]:
    """Yield what is to be said of guarded counters that could not be compared."""
    for side, names in metrics.lacking(base.trials, patched.trials, rules.guarded).items():
        if names:
            more = f" and {len(names) - 1} more" if len(names) > 1 else ""
            yield f"{names[0]}{more} must not rise, and {side} did not measure it: more --seconds may help"


def alone(side: Side, rules: Rules) -> Comparison:
    """Return what one kernel shows by itself: every finding as seen, none compared."""
    if isinstance(side.kernel, BuildFailure):
        return Comparison(verdict=Verdict.ERROR, findings=(), metrics=(), notes=(f"{side.kernel.name} does not build",))
    symptoms_seen, known = _sorted_out(side.trials, rules.known)
    nobody = replace(side, trials=())
    found = [_finding(members, side, nobody, rules) for members in grouped(symptoms_seen)]
    seen = tuple(
        replace(each, status=FindingStatus.SEEN, p_value=None, explanation=_seen(each.base), advice="")
        for each in found
    )
    gaps = tuple(_gaps(side, "base", rules.planned))
    verdict = Verdict.REGRESSION if seen else Verdict.INCONCLUSIVE if _doubtful(gaps, rules.planned) else Verdict.CLEAN
    notes = (*map(str, gaps), *_losses(side.trials), *known)
    return Comparison(verdict=verdict, findings=seen, metrics=metrics.measured(side.trials), notes=notes)


def _seen(count: Count) -> str:
    return f"{count.hits} of {count.trials} trials"
