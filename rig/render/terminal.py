"""A run as a terminal shows it: the verdict, then the evidence, then how to see it again. No I/O."""

from collections.abc import Iterable, Iterator
from statistics import median
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from rig import duration
from rig.experiment import Plan
from rig.model import Finding, FindingStatus, KeptRun, MetricChange, MetricKind, Run, Verdict
from rig.render import cases, check, covered, decoded, excerpt, wording
from rig.render.escape import printable

COLOURS = {Verdict.CLEAN: "green", Verdict.REGRESSION: "red", Verdict.INCONCLUSIVE: "yellow", Verdict.ERROR: "magenta"}
STATUS_COLOURS = {
    FindingStatus.NEW: "red",
    FindingStatus.MORE_OFTEN: "red",
    FindingStatus.SEEN: "red",
    FindingStatus.FIXED: "green",
    FindingStatus.LESS_OFTEN: "green",
    FindingStatus.INCONCLUSIVE: "yellow",
    FindingStatus.MASKED: "yellow",
}
EXPLAINED = {FindingStatus.NEW, FindingStatus.MORE_OFTEN, FindingStatus.SEEN, FindingStatus.INCONCLUSIVE}
MOST_COUNTERS = 12  # of those that differ, the ones that do most
EXCERPT = 25  # lines of a report shown for what the patch introduced


def summary(run: Run, directory: str) -> Group:
    """Return the first screen of `run`, which is kept in `directory`."""
    return Group(*_summary(run, directory))


def _summary(run: Run, directory: str) -> Iterator[RenderableType]:
    comparison = run.comparison
    yield headline(run)
    for note in comparison.notes:
        yield Text(f"  {printable(note)}", style="yellow")
    yield from check.told(run)
    if comparison.findings:
        yield Text()
        yield _findings(comparison.findings)
    for question in wording.unsettled(comparison):
        yield Text(f"  {printable(question)}", style="yellow")
    for finding in comparison.findings:
        if finding.status in EXPLAINED and finding.example:
            yield from _excerpt(finding)
    yield from _coverage(run)
    yield from _counters(comparison.metrics)
    for line in cases.lines(run):
        yield Text(printable(line), style="dim")
    yield from check.letter(run)
    yield Text()
    yield _sides(run)
    yield Text(f"again: {printable(wording.again(run))}")
    yield Text(f"run:   {directory}")


def headline(run: Run) -> Text:
    """Return the verdict as one line."""
    comparison = run.comparison
    text = Text(f"{comparison.verdict.upper()}", style=f"bold {COLOURS[comparison.verdict]}")
    return text.append(f": {wording.because(run)}", style="not bold default")


def _findings(findings: Iterable[Finding]) -> Table:
    table = _table("status", "finding", "workload", "seen in", "p")
    for finding in findings:
        table.add_row(
            Text(finding.status, style=STATUS_COLOURS.get(finding.status, "")),
            Text(printable(finding.title)),
            finding.workload,
            Text(printable(finding.explanation)),
            "" if finding.p_value is None else f"{finding.p_value:.3g}",
        )
    return table


def _excerpt(finding: Finding) -> Iterator[RenderableType]:
    lines = excerpt.lines(finding)
    more = f"\n  … {len(lines) - EXCERPT} more lines in {finding.console}" if len(lines) > EXCERPT else ""
    where = f"  ({finding.console})" if finding.console else ""
    yield Text(f"\n{printable(finding.title)}{where}", style="bold")
    yield Text("\n".join(f"  {line}" for line in lines[:EXCERPT]) + more, style="dim")
    if finding.place:
        yield Padding(decoded.place(finding.place, finding.source), (0, 2), expand=False)


def _coverage(run: Run) -> Iterator[RenderableType]:
    """Yield which of the changed lines ran, by function, and those that did not."""
    if not run.coverage:
        return
    short = covered.short(run.coverage)
    yield Text(f"\npatch coverage: {printable(short.title)}", style="bold")
    for told in short.told:
        yield Text(f"  {printable(told)}", style="yellow")
    if short.rows:
        table = _table("function", "changed lines that ran", "file")
        for row in short.rows:
            style = "" if row.complete else "red" if row.never else "yellow"
            table.add_row(Text(printable(row.where)), Text(row.ran, style=style), Text(printable(row.file)))
        yield table
    for line in short.missed:
        yield Text(f"  never ran: {printable(f'{line.file}:{line.line}:')} {printable(line.text.strip())}")
    if short.more:
        yield Text(f"  {short.more}", style="dim")


def _counters(changes: tuple[MetricChange, ...]) -> Iterator[RenderableType]:
    """Yield the metrics that differ, and how many counters don't."""
    differing = wording.differing(changes)
    exact = sum(change.kind is MetricKind.EXACT for change in changes)
    if differing:
        yield Text()
        yield _metrics(differing[:MOST_COUNTERS])
    if exact:
        alike = exact - sum(change.kind is MetricKind.EXACT for change in differing)
        where = "alike on both sides" if any(change.patched for change in changes) else "in the JSON"
        more = f"{len(differing) - MOST_COUNTERS} more differ less, " if len(differing) > MOST_COUNTERS else ""
        yield Text(f"\n{more}{wording.many(alike, 'exact counter')} {where}", style="dim")


def _metrics(changes: Iterable[MetricChange]) -> Table:
    table = _table("workload", "metric", "base", "patched", "change", "per operation")
    for change in changes:
        values = (
            wording.span(change.base),
            wording.span(change.patched),
            wording.percent(change),
            _per_operation(change),
        )
        table.add_row(change.workload, change.name, *values)
    return table


def _per_operation(change: MetricChange) -> str:
    if change.operations < 2 or not change.patched:
        return ""
    before, after = (median(values) / change.operations for values in (change.base, change.patched))
    return f"{before:.4g} to {after:.4g} {change.unit}"


def _sides(run: Run) -> Text:
    env = run.environment
    return Text(
        f"{wording.boots(run)}; {env.profile} profile, {wording.guest(env)}, "
        f"{env.accel}" + (f", {env.compiler}" if env.compiler else "") + f"\n{env.accel}: {env.accel_reason}",
        style="dim",
    )


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


# ---- plans and lists


def plan(planned: Plan) -> Table:
    """Return what a plan would do."""
    table = _table("what", "value")
    recipes = [recipe for recipe in (planned.base, planned.patched) if recipe]
    for side, recipe in zip(("base", "patched"), recipes, strict=False):
        source = f"{recipe.source.kind} {recipe.source.location} {recipe.source.rev}".strip() if recipe.source else ""
        patches = ", ".join(patch.name for patch in recipe.patches)
        table.add_row(side, f"{recipe.name}: {source or recipe.bzimage}" + (f", patches {patches}" if patches else ""))
    table.add_row("profile", f"{planned.profile.name}: {planned.profile.description}")
    for entry in planned.workloads:
        table.add_row("workload", f"{entry.name}, {planned.seconds} s: {entry.description}")
    boots = planned.repeats * len(recipes)
    table.add_row(
        "trials",
        f"{planned.repeats} a side, {boots} in all, {planned.jobs or 'as many as fit'} at once; seed {planned.seed}",
    )
    table.add_row(
        "confirm", f"up to {planned.confirm} more a side for each suspicion, until {planned.confidence:.4g} sure"
    )
    if planned.coverage:
        wanted = f", {planned.require_coverage:g} % are asked for" if planned.require_coverage is not None else ""
        table.add_row("coverage", f"which of the changed lines run: one more kernel and trial{wanted}")
    table.add_row("budget", duration.words(planned.budget) if planned.budget else "none: as long as it takes")
    table.add_row("guest", f"{_size(planned)}, acceleration {planned.accel}")
    return table


def _size(planned: Plan) -> str:
    return ", ".join((f"{planned.shape.vcpus} vCPUs", f"{planned.shape.memory_mib} MiB", *planned.shape.cmdline))


def listed(entry: KeptRun) -> dict[str, Any]:
    """Return a run as one line of `rig ls --json`."""
    run = entry.run
    return {
        "id": entry.directory.name,
        "state": "finished" if run else "running" if entry.live else "interrupted",
        "verdict": run.comparison.verdict if run else None,
        "base": run.base.name if run else None,
        "patched": run.patched.name if run and run.patched else None,
        "findings": len(run.comparison.findings) if run else None,
        "bytes": entry.bytes,
        "directory": str(entry.directory),
    }


def listing(entries: Iterable[KeptRun]) -> Table:
    """Return runs as a table."""
    table = _table("run", "verdict", "base", "patched", "findings", "MB")
    for line in map(listed, entries):
        verdict = line["verdict"] or line["state"]
        sides = (line["base"] or "", line["patched"] or "")
        findings = "" if line["findings"] is None else str(line["findings"])
        table.add_row(line["id"], verdict, *sides, findings, f"{line['bytes'] / 1e6:.1f}")
    return table
