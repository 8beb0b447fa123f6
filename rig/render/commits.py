"""What came of each commit of a series, in words for tables. No I/O."""

from dataclasses import dataclass

from rig import duration
from rig.model import Build, Checked, End, Presubmit
from rig.render.wording import many, one_line


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What came of one commit, in words; "" where there is nothing to say."""

    name: str
    subject: str
    checkpatch: str
    build: str
    warnings: str
    boots: str
    bad: bool  # whether any of it speaks against sending


def line(commit: Checked) -> str:
    """Return what came of a commit by itself, on one line."""
    parts = (
        f"built in {_build(commit)}" if commit.build is Build.BUILT else str(commit.build),
        f"{len(commit.complaints)} from checkpatch" if commit.complaints else "",
        many(len(commit.warnings), "new warning") if commit.warnings else "",
        commit.same,
        f"{_booted(commit)} of {many(len(commit.trials), 'boot')}" if commit.trials else "",
    )
    return one_line(f"{commit.short} {commit.subject}: {', '.join(filter(None, parts))}")


def _booted(commit: Checked) -> int:
    return sum(trial.end is End.FINISHED for trial in commit.trials)


def rows(made: Presubmit) -> tuple[Row, ...]:
    """Return a row for each commit."""
    return tuple(_row(each) for each in made.commits)


def _row(commit: Checked) -> Row:
    errors = sum(complaint.level == "ERROR" for complaint in commit.complaints)
    booted = _booted(commit)
    return Row(
        name=commit.short,
        subject=commit.subject,
        checkpatch=_checkpatch(commit),
        build=_build(commit),
        warnings=_warnings(commit),
        boots=commit.same or (f"{booted} of {len(commit.trials)}" if commit.trials else ""),
        bad=bool(errors or commit.warnings or commit.build is Build.FAILED or booted < len(commit.trials)),
    )


def _checkpatch(commit: Checked) -> str:
    counted = {level: sum(each.level == level for each in commit.complaints) for level in ("ERROR", "WARNING", "CHECK")}
    return (
        ", ".join(f"{number} {level.lower()}{'s' * (number > 1)}" for level, number in counted.items() if number)
        or "ok"
    )


def _build(commit: Checked) -> str:
    return f"{duration.clock(commit.seconds)}" if commit.build is Build.BUILT else str(commit.build)


def _warnings(commit: Checked) -> str:
    if commit.build is not Build.BUILT:
        return ""
    counts = ((len(commit.warnings), "new"), (len(commit.mended), "mended"))
    return ", ".join(f"{number} {word}" for number, word in counts if number) or "none"
