"""A run as Markdown, for a comment on a pull request or in patchwork. No I/O.

Whatever is not the rig's own words stands in code, where it can't be markup, HTML, a link or a mention.
"""

import re
from collections.abc import Iterable, Iterator
from html import escape

from rig.model import Coverage, Finding, MetricChange, Run, Verdict
from rig.render import commits, covered, excerpt, wording
from rig.render.escape import printable
from rig.render.results import INTRODUCED, is_open

_MARKS = {Verdict.CLEAN: "✅", Verdict.REGRESSION: "❌", Verdict.INCONCLUSIVE: "❔", Verdict.ERROR: "⚠️"}
# GitHub takes comments of up to 64 KiB.
MOST_LINES, LONGEST = 60, 160  # of a report; characters of each
MOST_CHARACTERS = 300  # of a code span
MOST_DETAILS = 5  # findings with their reports
MOST_FINDINGS = 20
MOST_METRICS = 8
MOST_NOTES = 10


def to_markdown(run: Run) -> str:
    """Return verdict, findings, their reports folded up, metrics that differ, and the environment."""
    findings = run.comparison.findings
    told = [finding for finding in findings if finding.example and _matters(finding)]
    parts = (
        _headline(run),
        _bullets((*run.comparison.notes, *wording.unsettled(run.comparison))),
        _commits(run),
        _table(("", "finding", "under", "seen in"), map(_row, findings[:MOST_FINDINGS])),
        f"and {len(findings) - MOST_FINDINGS} more findings" if len(findings) > MOST_FINDINGS else "",
        *map(_details, told[:MOST_DETAILS]),
        *(_coverage(run.coverage) if run.coverage else ()),
        _metrics(run.comparison.metrics),
        "\n".join(_footer(run)),
    )
    return "\n\n".join(filter(None, parts)) + "\n"


def code(text: str, most: int = MOST_CHARACTERS) -> str:
    """Return `text` as a code span, which nothing in it can end."""
    line = wording.one_line(text)[:most]
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", line)), default=0))
    space = " " if line[:1] in ("`", " ", "") or line[-1:] == "`" else ""
    return f"{fence}{space}{line}{space}{fence}"


def block(lines: Iterable[str]) -> str:
    """Return lines as a code block, which nothing in them can end."""
    text = "\n".join(lines)
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
    return f"{fence}text\n{text}\n{fence}"


def _headline(run: Run) -> str:
    verdict = run.comparison.verdict
    return f"### {_MARKS[verdict]} {verdict.capitalize()}\n\n{code(wording.because(run))}"


def _bullets(notes: tuple[str, ...]) -> str:
    return "\n".join(f"- {code(note)}" for note in notes[:MOST_NOTES])


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """Return a table, or nothing without rows. A pipe parts cells even in code, so it is escaped there too."""
    lines = [" | ".join(cell.replace("|", "\\|") for cell in cells) for cells in (head, *rows)]
    return "\n".join(f"| {line} |" for line in (lines[0], " | ".join(["---"] * len(head)), *lines[1:])) * (
        len(lines) > 1
    )


def _commits(run: Run) -> str:
    rows = commits.rows(run.presubmit) if run.presubmit else ()
    cells = ((code(row.name), code(row.subject), row.checkpatch, row.build, row.warnings, row.boots) for row in rows)
    return _table(("commit", "subject", "checkpatch", "build", "new warnings", "boots"), cells)


def _row(finding: Finding) -> tuple[str, ...]:
    status = f"**{finding.status}**" if finding.status in INTRODUCED else str(finding.status)
    return status, code(finding.title), code(finding.workload), code(finding.explanation)


def _matters(finding: Finding) -> bool:
    return finding.status in INTRODUCED or is_open(finding)


def _details(finding: Finding) -> str:
    place = excerpt.where(finding)
    summary = escape(wording.one_line(finding.title + (f" at {place}" if place else ""))[:MOST_CHARACTERS])
    source = [f"{'>' if number == _line(finding) else ' '} {number:>6}  {line}" for number, line in _source(finding)]
    said = [line[:LONGEST] for line in excerpt.cut(excerpt.lines(finding), MOST_LINES)]
    blocks = (block(lines) for lines in (source, said) if lines)
    return "\n\n".join((f"<details><summary><code>{summary}</code></summary>", *blocks, "</details>"))


def _line(finding: Finding) -> int:
    return finding.place.line if finding.place else 0


def _source(finding: Finding) -> Iterator[tuple[int, str]]:
    for number, line in finding.source:
        yield number, printable(line.expandtabs(8)).rstrip()


def _coverage(measured: Coverage) -> Iterator[str]:
    short = covered.short(measured)
    yield f"**Patch coverage**: {code(short.title)}"
    yield _bullets(short.told)
    rows = ((code(row.where), f"**{row.ran}**" if row.never else row.ran) for row in short.rows)
    yield _table(("function", "changed lines that ran"), rows)
    if short.missed:
        lines = [printable(f"{line.file}:{line.line}: {line.text.strip()}")[:LONGEST] for line in short.missed]
        yield f"Never ran:\n\n{block((*lines, *filter(None, (short.more,))))}"


def _metrics(changes: tuple[MetricChange, ...]) -> str:
    told = wording.differing(changes)
    rows = (
        (
            code(each.workload),
            code(each.name),
            wording.span(each.base),
            wording.span(each.patched),
            wording.percent(each),
        )
        for each in told[:MOST_METRICS]
    )
    more = f"\n\n{len(told) - MOST_METRICS} more metrics differ less" if len(told) > MOST_METRICS else ""
    return _table(("workload", "metric", "base", "patched", "change"), rows) + more


def _footer(run: Run) -> Iterator[str]:
    env = run.environment
    guest = f"{wording.guest(env)}, {env.accel}, {env.qemu}"
    yield code("; ".join(filter(None, (wording.boots(run), f"profile {env.profile}", guest, env.compiler))))
    yield ""
    yield f"Again: {code(wording.again(run), 1000)} (run {code(run.id)})"
