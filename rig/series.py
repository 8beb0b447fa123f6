"""What the looks at each commit of a series add up to: findings with the commit that brings them. No I/O."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from rig import compare
from rig.compare import COMPILER, OPEN
from rig.model import (
    BuildFailure,
    Checked,
    Comparison,
    CompilerWarning,
    Count,
    Finding,
    FindingStatus,
    Verdict,
)

WHICH = "`rig presubmit --each`, or `rig bisect`, says which commit brings it"
CHECKPATCH = "CHECKPATCH"
LIGHT = (COMPILER, CHECKPATCH)  # kinds of findings, of less weight than what a kernel does
BAD = (FindingStatus.NEW, FindingStatus.MORE_OFTEN, *OPEN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How one commit compares with the base of the series under some workloads; () only boots."""

    short: str  # the commit
    workloads: tuple[str, ...]  # under which it could have shown something
    comparison: Comparison
    untried: tuple[str, ...] = ()  # commits since the look before it of which nothing is known


def combined(
    tip: Comparison, looks: tuple[Look, ...], found: tuple[Finding, ...], further: tuple[Comparison, ...] = ()
) -> Comparison:
    """Return the comparison of the series as a whole: that of its tip, with what its commits show by themselves.

    `looks` are in the order of the commits, the last one at the tip; `found` are findings of other kinds: what does not
    apply or build, warnings, checkpatch; `further` are comparisons under other profiles, for what only they show.
    """
    own = tuple(_attributed(finding, looks) for finding in tip.findings if finding.type != COMPILER)
    first = (*own, *_passing(looks, tip))
    seen = (each for comparison in further for each in comparison.findings if each.type != COMPILER)
    other = tuple(each for each in seen if not any(_same(each, known) for known in first))
    findings = (*first, *other, *found)
    return replace(tip, verdict=_verdict(tip.verdict, findings), findings=tuple(sorted(findings, key=_rank)))


def _rank(finding: Finding) -> tuple[int, int]:
    """Return what findings are sorted by: the worst first, what is only about style last."""
    weight = 1 + LIGHT.index(finding.type) if finding.type in LIGHT else 0
    return list(FindingStatus).index(finding.status), weight


def _verdict(tip: Verdict, findings: tuple[Finding, ...]) -> Verdict:
    whole = compare.verdict(findings, gaps=tip is not Verdict.CLEAN)
    return tip if tip is Verdict.ERROR and whole is Verdict.INCONCLUSIVE else whole


def _same(one: Finding, other: Finding) -> bool:
    return not compare.titles(one).isdisjoint(compare.titles(other))


def _bad(finding: Finding) -> bool:
    return finding.status in BAD and finding.patched.hits > 0 and finding.type != COMPILER


def _has(look: Look, finding: Finding) -> bool:
    return any(_same(finding, each) and _bad(each) for each in look.comparison.findings)


def _could_show(look: Look, finding: Finding) -> bool:
    return finding.workload == "boot" or set(finding.workload.split(", ")) <= set(look.workloads)


def _attributed(finding: Finding, looks: tuple[Look, ...]) -> Finding:
    """Return a finding at the tip with the first commit to show it, if those before could have."""
    if finding.status not in BAD:
        return finding
    able = [look for look in looks if _could_show(look, finding)]
    if len(able) < len(looks) and len(looks) > 1:
        return replace(finding, advice=finding.advice or WHICH)
    first = next((look for look in able if _has(look, finding)), None)
    return _blaming(finding, first) if first else finding


def _blaming(finding: Finding, first: Look, mended: str = "") -> Finding:
    """Return a finding with the first commit to show it; one before it that could not be tried may be to blame too."""
    since = " or ".join((*first.untried, first.short)) + (
        ", of which only the last could be tried" * bool(first.untried)
    )
    explanation = f"{finding.explanation}; since {since}" + (f", no more in {mended}" if mended else "")
    return replace(finding, commit="" if first.untried else first.short, mended=mended, explanation=explanation)


def _passing(looks: tuple[Look, ...], tip: Comparison) -> Iterator[Finding]:
    """Yield what a commit shows and a later one no longer does: it breaks bisection all the same."""
    known: list[Finding] = list(tip.findings)
    for number, look in enumerate(looks[:-1]):
        for finding in look.comparison.findings:
            if not _bad(finding) or any(_same(finding, each) for each in known):
                continue
            known.append(finding)
            after = [later for later in looks[number + 1 :] if _could_show(later, finding) and not _has(later, finding)]
            yield _blaming(finding, look, after[0].short if after else "")


# ---- builds


def unbuilt(failure: BuildFailure, short: str, mended: str) -> Finding:
    """Return the finding that a commit does not compile; `mended` is the next one that does, "" for none."""
    return replace(
        compare.build_finding(failure),
        commit=short,
        mended=mended,
        explanation=f"{short} does not build; {mended} does again" if mended else f"{short} does not build",
    )


def warnings(commits: tuple[Checked, ...], profile: str) -> Iterator[Finding]:
    """Yield the compiler warnings that commits bring, and those that the series mends."""
    gone = [(each.short, compare.identity(warning)) for each in commits for warning in each.mended]
    brought = {compare.identity(warning) for each in commits for warning in each.warnings}
    for number, each in enumerate(commits):
        for warning in each.warnings:
            key = compare.identity(warning)
            later = {commit.short for commit in commits[number + 1 :]}
            mended = next((short for short, other in gone if other == key and short in later), "")
            yield _warning(warning, FindingStatus.NEW, each.short, mended, profile)
        for warning in each.mended:
            if compare.identity(warning) not in brought:
                yield _warning(warning, FindingStatus.FIXED, each.short, "", profile)


def _warning(warning: CompilerWarning, status: FindingStatus, short: str, mended: str, profile: str) -> Finding:
    new = status is FindingStatus.NEW
    what = f"{short} brings it" if new else f"{short} mends it"
    where = f", in {warning.function}()" if warning.function else ""
    return Finding(
        title=compare.warning_title(warning),
        type=COMPILER,
        status=status,
        workload="build",
        profile=profile,
        base=Count(hits=int(not new), trials=1),
        patched=Count(hits=int(new), trials=1),
        explanation=what + where + (f"; {mended} mends it" if mended else ""),
        example=f"{warning.file}:{warning.line}: warning: {warning.text}",
        commit=short,
        mended=mended,
    )


def difference(
    before: Iterable[CompilerWarning], after: Iterable[CompilerWarning]
) -> tuple[tuple[CompilerWarning, ...], tuple[CompilerWarning, ...]]:
    """Return the warnings that came and those that went, compared as multisets without line numbers."""
    first, second = list(before), list(after)
    return _beyond(second, first), _beyond(first, second)


def _beyond(some: list[CompilerWarning], others: list[CompilerWarning]) -> tuple[CompilerWarning, ...]:
    left = Counter(map(compare.identity, others))
    found = []
    for warning in some:
        key = compare.identity(warning)
        if left[key]:
            left[key] -= 1
        else:
            found.append(warning)
    return tuple(found)


# ---- checkpatch


def complaints(commits: tuple[Checked, ...], profile: str) -> Iterator[Finding]:
    """Yield a finding for each kind of error that checkpatch finds in a commit."""
    for each in commits:
        errors = [complaint for complaint in each.complaints if complaint.level == "ERROR"]
        for kind in dict.fromkeys(complaint.kind for complaint in errors):
            alike = [complaint for complaint in errors if complaint.kind == kind]
            places = [f"{one.file}:{one.line}" if one.file else each.short for one in alike]
            yield Finding(
                title=f"checkpatch: {alike[0].text} [{kind}]",
                type=CHECKPATCH,
                status=FindingStatus.NEW,
                workload="checkpatch",
                profile=profile,
                base=Count(hits=0, trials=1),
                patched=Count(hits=1, trials=1),
                explanation=f"{each.short}: " + ", ".join(places[:3]) + (" …" if len(places) > 3 else ""),
                commit=each.short,
            )
