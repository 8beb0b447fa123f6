"""All of the memory as lines of JSON, to move it from one database to another."""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from rig.errors import InputError
from rig.memory import metrics, nights, regressions, rows, runs
from rig.memory.tables import BodyRow, ChangeRow, JobRow, MeasureRow, NightRow, NoteRow, RunRow, TipRow
from rig.memory.values import Job, Night, Regression, Tip, Trend, Where
from rig.model import Run

FORMAT = 1  # raised when a line's meaning changes


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The first line."""

    format: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A small fact."""

    key: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A run, where it belongs and where its directory was."""

    night: str
    where: Where
    directory: str
    run: Run


def _check(_: Session, head: Head) -> None:
    if head.format > FORMAT:
        raise InputError(f"the export is of format {head.format}", hint=f"update rig: this one knows {FORMAT}")


def _save_note(s: Session, note: Note) -> None:
    nights.save_note(s, note.key, note.text)


def _take(s: Session, taken: Taken) -> None:
    runs.take(s, taken.run, taken.directory, night=taken.night, where=taken.where)


Take = Callable[[Session, Any], object]
# What a line can be: {"KIND": value}. The order is that of an export: what others refer to comes first.
KINDS: dict[str, tuple[TypeAdapter[Any], Take]] = {
    "memory": (TypeAdapter(Head), _check),
    "night": (TypeAdapter(Night), nights.save_night),
    "tip": (TypeAdapter(Tip), nights.save_tip),
    "job": (TypeAdapter(Job), nights.save_job),
    "note": (TypeAdapter(Note), _save_note),
    "run": (TypeAdapter(Taken), _take),
    "changes": (TypeAdapter(Trend), metrics.save_changes),
    "regression": (TypeAdapter(Regression), regressions.take_in),
}


def export(s: Session) -> Iterator[str]:
    """Yield all of the memory, a value a line, without line ends."""
    yield _line("memory", Head(format=FORMAT))
    for night in s.scalars(select(NightRow).order_by(NightRow.began, NightRow.id)):
        yield _line("night", rows.value(Night, night))
    for tip in s.scalars(select(TipRow).order_by(TipRow.night, TipRow.kernel)):
        yield _line("tip", rows.value(Tip, tip))
    for job in s.scalars(select(JobRow).order_by(JobRow.night, JobRow.number)):
        yield _line("job", rows.value(Job, job, where=rows.value(Where, job)))
    for note in s.scalars(select(NoteRow).order_by(NoteRow.key)):
        yield _line("note", rows.value(Note, note))
    yield from _runs(s)
    yield from _changes(s)
    for regression in regressions.regressions(s):
        yield _line("regression", regression)


def _line(kind: str, value: object) -> str:
    return f'{{"{kind}":{KINDS[kind][0].dump_json(value).decode()}}}'


def _runs(s: Session) -> Iterator[str]:
    """Yield the runs, the oldest first, one at a time in memory."""
    for name in s.scalars(select(RunRow.id).order_by(RunRow.began, RunRow.id)).all():
        row, body = s.get_one(RunRow, name), s.scalars(select(BodyRow.json).where(BodyRow.run == name)).one()
        where = json.dumps(rows.columns(rows.value(Where, row)))
        beside = f'"night":{json.dumps(row.night or "")},"where":{where},"directory":{json.dumps(row.directory)}'
        yield f'{{"run":{{{beside},"run":{rows.inflated(body)}}}}}'


def _changes(s: Session) -> Iterator[str]:
    changed = select(MeasureRow).where(MeasureRow.id.in_(select(ChangeRow.measure))).order_by(MeasureRow.key)
    measures = s.scalars(changed).all()
    for measure in measures:
        steps = metrics.changes_of(s, measure)
        yield _line("changes", Trend(measure=metrics.measure(measure), points=(), changes=steps))


def take_in(s: Session, lines: Iterable[str], name: str = "export") -> dict[str, int]:
    """Keep what an export holds, in the place of what is there under the same names; return how many of what.

    Raises InputError naming `name` and the line if it is no export.
    """
    counts = dict.fromkeys(KINDS, 0)
    for number, line in enumerate(filter(str.strip, lines), 1):
        kind, value = _read(line, f"{name}:{number}", first=number == 1)
        KINDS[kind][1](s, value)
        counts[kind] += 1
    if not counts["memory"]:
        raise InputError(f"{name}: is empty", hint="`rig export` writes what can be imported")
    return {kind: number for kind, number in counts.items() if number and kind != "memory"}


def _read(line: str, place: str, *, first: bool) -> tuple[str, Any]:
    hint = "`rig export` writes what can be imported; a newer rig may write what this one does not know"
    try:
        ((kind, data),) = json.loads(line).items()
        if first is not (kind == "memory"):
            raise InputError(f"{place}: is no export of a memory", hint=hint)
        return kind, KINDS[kind][0].validate_python(data)
    except (ValueError, AttributeError, KeyError, ValidationError) as error:
        raise InputError(f"{place}: is no line of an export: {error}", hint=hint) from error
