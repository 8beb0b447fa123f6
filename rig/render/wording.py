"""How a run, its findings and its metrics are put into words, whatever the format. No I/O."""

import shlex
from collections.abc import Iterable
from math import inf
from statistics import median

from rig import coverage
from rig.model import BuildFailure, Comparison, Environment, FindingStatus, MetricChange, MetricKind, Run
from rig.render.escape import printable

# Options of a command that say where results go and for whom, and how much is told meanwhile.
WRITTEN = tuple(
    f"--{name}"
    for name in (
        "json",
        "junit",
        "ktap",
        "kcidb",
        "mail",
        "markdown",
        "html",
        "cover",
        "origin",
        "reported-by",
        "closes",
        "tested-by",
    )
)
QUIET = ("-q", "--quiet", "-v", "--verbose")


def one_line(text: str) -> str:
    """Return `text` on one line, safe for any plain text."""
    return printable(" ".join(text.split()))


def guest(environment: Environment) -> str:
    """Return the size of the guests, and how their kernel was set beside its profile."""
    size = (f"{environment.vcpus} vCPUs", f"{environment.memory_mib} MiB")
    return ", ".join((*size, *map(one_line, environment.cmdline)))


def title(run: Run) -> str:
    """Return what was compared."""
    if run.presubmit:
        return f"{many(len(run.presubmit.commits), 'commit')} on top of {run.presubmit.base}"
    return f"{run.patched.name} against {run.base.name}" if run.patched else f"{run.base.name} alone"


def because(run: Run) -> str:
    """Return what the verdict rests on, as one line."""
    comparison = run.comparison
    if run.patched is None:
        return f"{title(run)}: {many(len(comparison.findings), 'finding')}"
    new = [finding for finding in comparison.findings if finding.status is FindingStatus.NEW]
    if isinstance(run.patched, BuildFailure) and not run.presubmit:
        return f"{run.patched.name} does not compile, {run.base.name} does"
    if new:
        more = f" (and {len(new) - 1} more)" if len(new) > 1 else ""
        return f"{title(run)} introduced {printable(new[0].title)}{more}"
    if run.presubmit and run.presubmit.nothing and not comparison.findings:
        return f"{title(run)}: nothing to boot: {run.presubmit.nothing}"
    return f"{title(run)}: {tally(comparison) or 'no finding on either side'}{_but(run)}"


def _but(run: Run) -> str:
    """Return which functions the patch changes without any of that having run, if it is known."""
    silent = coverage.never(run.coverage) if run.coverage else ()
    if not silent:
        return ""
    more = f" (and {many(len(silent) - 1, 'more function')})" if len(silent) > 1 else ""
    return f", but what changes in {printable(silent[0])}(){more} never ran"


def again(run: Run) -> str:
    """Return the command that does `run` again, without where this one's results went.

    A command that can't be taken apart, of a stranger's run, is returned as it is.
    """
    try:
        words, kept = iter(shlex.split(run.command)), []
    except ValueError:
        return run.command
    for word in words:
        name, equals, _ = word.partition("=")
        if name in WRITTEN and not equals:
            next(words, None)
        elif name not in (*WRITTEN, *QUIET):
            kept.append(word)
    return shlex.join(kept)


def tally(comparison: Comparison) -> str:
    """Return how many findings there are of each status; "" for none."""
    counted = {status: sum(finding.status is status for finding in comparison.findings) for status in FindingStatus}
    return ", ".join(f"{number} {status}" for status, number in counted.items() if number)


def many(number: int, noun: str) -> str:
    """Return a number of things."""
    return f"{number or 'no'} {noun}{'' if number == 1 else 's'}"


def boots(run: Run) -> str:
    """Return how often each side was booted, and how long that took."""
    names = ("base", "patched") if run.patched else ("base",)
    counted = [f"{name} {many(sum(trial.side == name for trial in run.trials), 'boot')}" for name in names]
    return f"{', '.join(counted)} in {run.seconds:.0f} s"


# ---- metrics


def differing(changes: Iterable[MetricChange]) -> list[MetricChange]:
    """Return the metrics that differ, the ones that do most first."""
    return sorted((change for change in changes if change.significant), key=_size, reverse=True)


def _size(change: MetricChange) -> float:
    return inf if change.change is None else abs(change.change)


def span(values: tuple[float, ...]) -> str:
    """Return the value all trials agree on, or the median and the range."""
    low, high = min(values), max(values)
    return f"{low:g}" if low == high else f"{median(values):g} ({low:g} to {high:g})"


def percent(change: MetricChange) -> str:
    """Return by how much a metric changed, and between what that is, where it isn't exact."""
    if change.change is None:
        return "was 0"
    exact = change.kind is MetricKind.EXACT or change.low is None or change.high is None
    return f"{change.change:+.1%}" + ("" if exact else f" ({change.low:+.1%} to {change.high:+.1%})")


def unsettled(comparison: Comparison) -> tuple[str, ...]:
    """Return what is still open, with what would settle it."""
    return tuple(f"{finding.title}: {finding.advice}" for finding in comparison.findings if finding.advice)
