"""The trials of both sides as a grid: what came of each workload, and where its console says so. No I/O."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from rig.model import End, Outcome, Report, Run, Status, Trial
from rig.render.html.consoles import Packed
from rig.reports import signature
from rig.reports.sightings import BOOT

Tone = Literal["good", "bad", "doubt", "idle"]
END = "end"  # the row of how guests ended


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What can come of a workload in a trial: a letter for the cell, a word for the legend, a tone for its colour."""

    letter: str
    word: str
    tone: Tone


REPORT = Kind(letter="R", word="kernel report", tone="bad")
KNOWN = Kind(letter="K", word="known report", tone="idle")
ENDED = Kind(letter="X", word="guest died", tone="bad")
LEFT = Kind(letter="L", word="memory left behind", tone="bad")
STUCK = Kind(letter="N", word="no progress", tone="doubt")
MISSED = Kind(letter="–", word="not reached", tone="idle")
FINE = Kind(letter="P", word="passed", tone="good")
STATUSES = {
    Status.PASS: FINE,
    Status.FAIL: Kind(letter="F", word="failed", tone="bad"),
    Status.SKIP: Kind(letter="S", word="skipped", tone="idle"),
    Status.ERROR: Kind(letter="E", word="test broke", tone="doubt"),
    Status.MISS: Kind(letter="M", word="rig broke", tone="doubt"),
    Status.DONE: Kind(letter="D", word="done", tone="good"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """What came of one workload in one trial; `kind` is None where it was not to run."""

    kind: Kind | None = None
    why: str = ""
    href: str = ""  # into the trial's console; "" if there is none
    reports: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """The whole: a column for each trial, a row for each workload, for booting and for how it ended."""

    trials: tuple[tuple[str, Trial], ...]  # with the key of each, which links to consoles begin with
    rows: tuple[tuple[str, tuple[Cell, ...]], ...]
    legend: tuple[Kind, ...]


def keyed(run: Run) -> tuple[tuple[str, Trial], ...]:
    """Return the trials of base and then those of patched, each with its key in links and anchors."""
    numbered = [(f"t{number}", trial) for number, trial in enumerate(run.trials, 1)]
    return tuple(sorted(numbered, key=lambda pair: pair[1].side))


def label(run: Run, trial: Trial) -> str:
    """Return what a trial of `run` is called."""
    return f"{trial.side} {trial.index}" if run.patched else f"boot {trial.index}"


def grid(run: Run, consoles: Mapping[str, Packed]) -> Grid:
    """Return the grid of `run`; cells lead into those of its `consoles` (by the keys of trials) that there are."""
    trials = keyed(run)
    titles = frozenset(title for each in run.comparison.findings for title in (each.title, *each.alt_titles))
    names = (BOOT, *dict.fromkeys(name for _, trial in trials for name in trial.planned), END)
    rows = tuple((name, tuple(_cell(key, trial, name, consoles, titles) for key, trial in trials)) for name in names)
    used = dict.fromkeys(cell.kind for _, cells in rows for cell in cells if cell.kind)
    order = list({"bad": 0, "doubt": 1, "good": 2, "idle": 3})
    return Grid(trials=trials, rows=rows, legend=tuple(sorted(used, key=lambda kind: order.index(kind.tone))))


def _cell(key: str, trial: Trial, name: str, consoles: Mapping[str, Packed], found: frozenset[str]) -> Cell:
    console = consoles.get(key)
    if name == END:
        return _end(trial, f"#{key}:{console.lines}" if console else "")
    if name not in (BOOT, *trial.planned):
        return Cell()
    reports = [sighting.report for sighting in trial.sightings if sighting.workload == name]
    kind, why = _reported(reports, found) if reports else _kind(trial, name)
    return Cell(kind=kind, why=why, href=href(key, trial, name, console), reports=len(reports))


def _end(trial: Trial, where: str) -> Cell:
    kind = Kind(letter="P", word="passed", tone="good") if trial.end is End.FINISHED else ENDED
    return Cell(kind=kind, why=": ".join(filter(None, (f"guest {trial.end}", trial.end_reason))), href=where)


def href(key: str, trial: Trial, workload: str, console: Packed | None) -> str:
    """Return the link to a workload's first report in its console, or to its beginning; "" if there is neither."""
    if not console:
        return ""
    reported = (
        line for sighting, line in zip(trial.sightings, console.reports, strict=True) if sighting.workload == workload
    )
    line = next(reported, 1 if workload == BOOT else console.begins.get(workload))
    return f"#{key}:{line}" if line else ""


def _reported(reports: list[Report], found: frozenset[str]) -> tuple[Kind, str]:
    """Return what reports come to; those of no finding are what the profile knows of and passes over."""
    counts = any(not signature.titles(report).isdisjoint(found) for report in reports)
    return REPORT if counts else KNOWN, "; ".join(report.title for report in reports)


def _kind(trial: Trial, name: str) -> tuple[Kind, str]:
    outcome = next((outcome for outcome in trial.outcomes if outcome.workload == name), None)
    if name == BOOT:
        return (ENDED, trial.end_reason) if trial.end is End.NEVER_BOOTED else (FINE, "booted")
    return _of_outcome(outcome) if outcome else (MISSED, f"guest {trial.end} before")


def _of_outcome(outcome: Outcome) -> tuple[Kind, str]:
    kind = STATUSES[outcome.status]
    if outcome.status is not Status.PASS:
        return kind, outcome.reason
    if outcome.left:
        return LEFT, ", ".join(left.what for left in outcome.left)
    return (kind, ", ".join(_work(outcome))) if outcome.progressed else (STUCK, outcome.reason or "nothing was done")


def _work(outcome: Outcome) -> Iterator[str]:
    yield f"{outcome.seconds:.0f} s"
    if outcome.iterations:
        yield f"{outcome.iterations} iterations"
    if outcome.l2_entries:
        yield f"{outcome.l2_entries} nested entries"
