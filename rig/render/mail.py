"""A run as a plain-text mail in the shape of the kernel's test robots: regressions only, at most a page. No I/O.

Printable ASCII alone. What consoles say is indented, so that no line of it is a trailer, a quote or a diff to those
programs that read mail.
"""

import textwrap
from collections.abc import Iterable, Iterator

from rig.model import BuildFailure, Finding, Kernel, Run, Verdict
from rig.render import covered, excerpt, wording
from rig.render.results import INTRODUCED, is_open

PAGE = 60  # lines
WIDTH = 75  # columns of our own words
LONGEST = 160  # characters of a report's line
MOST_TITLES = 5  # of further regressions, by name
_PLAIN = str.maketrans({"‘": "'", "’": "'", "“": '"', "”": '"', "…": "...", "–": "-"})


def to_text(run: Run, *, reported_by: str = "", closes: str = "") -> str:
    """Return subject and body; `reported_by` and `closes` become trailers to copy, if given."""
    found = [finding for finding in run.comparison.findings if finding.status in INTRODUCED]
    subject = _subject(run, found)
    body = _regression(run, found, _trailers(reported_by, closes)) if found else _short(run)
    return "\n".join(ascii_only(line).rstrip() for line in (f"Subject: {subject}", "", *body)) + "\n"


def ascii_only(line: str) -> str:
    """Return a line with what is not ASCII replaced or escaped."""
    return line.translate(_PLAIN).encode("ascii", "backslashreplace").decode()


def _subject(run: Run, found: list[Finding]) -> str:
    tested = wording.one_line((run.patched or run.base).name)
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    said = wording.one_line(found[0].title) if found else str(run.comparison.verdict)
    return f"[rig] {tested}: {textwrap.shorten(said, 100, placeholder='...')}{more}"


def _prose(text: str, indent: str = "", first: str | None = None) -> list[str]:
    return textwrap.wrap(
        wording.one_line(text),
        WIDTH,
        initial_indent=indent if first is None else first,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _short(run: Run) -> Iterator[str]:
    """Yield what there is to say when nothing was introduced: three lines if all is well."""
    yield from _prose(f"{wording.because(run)}.")
    if run.comparison.verdict is not Verdict.CLEAN:
        for note in run.comparison.notes[:MOST_TITLES]:
            yield from _prose(note, "  ", "- ")
        for finding in [each for each in run.comparison.findings if is_open(each)][:MOST_TITLES]:
            yield from _prose(f"undecided: {finding.title}: {finding.explanation}; {finding.advice}", "  ", "- ")
    yield from _coverage(run)
    yield f"{wording.boots(run)}, profile {run.environment.profile}, {run.environment.accel}."
    yield f"Again: {wording.one_line(wording.again(run))}"


def _regression(run: Run, found: list[Finding], trailers: list[str]) -> list[str]:
    """Return the first finding with as much of its report as fits on the page, and the others by name."""
    head = [*_opening(run), "", *_told(found[0]), ""]
    tail = [*_others(found[1:]), *_tested(run), *_coverage(run), *trailers]
    room = PAGE - 2 - len(head) - len(tail) - 1
    said = [line[:LONGEST] for line in excerpt.lines(found[0]) if line.strip()]
    splat = [f"  {line}" for line in excerpt.cut(said, max(room, 3))]
    return [*head, *splat, "", *tail] if splat else [*head, *tail]


def _opening(run: Run) -> list[str]:
    if isinstance(run.patched, BuildFailure):
        return _prose(f"rig could not build {run.patched.name}, while {run.base.name} builds.")
    if run.patched:
        return _prose(
            f"rig ran {run.patched.name} and {run.base.name} in turns in QEMU guests that nest KVM. "
            f"This came with {run.patched.name}:"
        )
    return _prose(f"rig ran {run.base.name} in QEMU guests that nest KVM, and saw this:")


def _told(finding: Finding) -> Iterator[str]:
    yield from _prose(finding.title, "    ", "  ")
    if place := excerpt.where(finding):
        yield f"  at {place}"
    yield from _prose(f"{finding.explanation} (under {finding.workload})", "  ")
    if console := excerpt.console(finding):
        yield f"  whole console: {console}"


def _others(others: list[Finding]) -> Iterator[str]:
    if others:
        yield "Also:"
        for finding in others[:MOST_TITLES]:
            yield from _prose(finding.title, "    ", "  ")
        if len(others) > MOST_TITLES:
            yield f"  and {len(others) - MOST_TITLES} more"
        yield ""


def _tested(run: Run) -> Iterator[str]:
    environment = run.environment
    told = {
        "kernel": _kernel(run.patched or run.base),
        "against": _kernel(run.base) if run.patched else "",
        "compiler": environment.compiler,
        "guests": f"{environment.accel}, {wording.guest(environment)}, {environment.qemu}",
        "profile": environment.profile,
        "run": run.id,
    }
    for what, value in told.items():
        if value:
            yield from _prose(value, " " * 10, f"{what}:".ljust(10))
    yield from ("", "To see it again:", "", f"  {wording.one_line(wording.again(run))}")


def _coverage(run: Run) -> Iterator[str]:
    """Yield which of the changed lines ran: functions that did not run as a whole, and the lines."""
    if not run.coverage:
        return
    short = covered.short(run.coverage)
    yield from _prose(f"Patch coverage: {short.title}.")
    for told in short.told[:MOST_TITLES]:
        yield from _prose(told, "  ", "- ")
    for row in [each for each in short.rows if not each.complete][:MOST_TITLES]:
        yield from _prose(f"{row.where}: {row.ran}", "    ", "  ")
    for line in short.missed[:MOST_TITLES]:
        yield f"    {wording.one_line(f'{line.file}:{line.line}: {line.text}')}"[:LONGEST]


def _kernel(kernel: Kernel | BuildFailure) -> str:
    if isinstance(kernel, BuildFailure):
        return f"{kernel.name}, which does not compile"
    made = f"commit {kernel.commit[:12]}" if kernel.commit else f"tree {kernel.tree[:12]}" if kernel.tree else ""
    return ", ".join(filter(None, (kernel.name, kernel.release, made)))


def _trailers(reported_by: str, closes: str) -> list[str]:
    given: Iterable[tuple[str, str]] = (("Reported-by", reported_by), ("Closes", closes))
    lines = [f"  {name}: {wording.one_line(value)}" for name, value in given if value]
    return ["", *_prose("If you fix this in a patch of its own, please add:"), "", *lines] if lines else []
