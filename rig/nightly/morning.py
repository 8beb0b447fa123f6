"""How a night ends: its news put together, the site brought up to date, the disk kept under its quota."""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path

from pydantic import TypeAdapter
from sqlalchemy.orm import Session

from rig import gc, paths, site
from rig.errors import RigError
from rig.memory import health as records
from rig.memory import nights, regressions
from rig.memory.values import Night, Regression
from rig.nightly import health, news, sending, steps
from rig.nightly.news import News
from rig.nightly.shift import Shift, of_host

_REGRESSIONS = TypeAdapter(tuple[Regression, ...])
BEFORE, TOLD, CLOSING = "regressions before the night", "last told", "night to be told of"
NIGHTS = 60  # that quarantine looks back on: what seldom runs is not to drop out unseen


def remember(session: Session, host: str) -> None:
    """Keep the regressions as they are before a night, so that it can be said what it changed."""
    slim = tuple(replace(each, observations=(), example="") for each in regressions.regressions(session))
    nights.save_note(session, of_host(BEFORE, host), _REGRESSIONS.dump_json(slim).decode())
    steps.forget(session, host)


@dataclass(frozen=True, slots=True, kw_only=True)
class Morning:
    """What a night came to."""

    news: News
    told: bool  # there was a message to be sent
    problems: tuple[str, ...]  # with sending it, now or in earlier nights


async def end(shift: Shift) -> Morning:
    """End a night whose jobs are done: what goes wrong here is said and ends nothing.

    Cut off, it is done again by whoever goes on with the night; that may send a message twice, but lose none.
    """
    steps.look(shift)
    _sweep(shift)
    shift = replace(shift, night=_ended(shift))
    problems = _published(shift)
    made, today = _news(shift, problems), date.today()
    with shift.memory.reading() as session:
        due = news.due(made, nights.note(session, of_host(TOLD, shift.night.host)), today)
    outbox = paths.nightly() / "outbox"
    failures = await sending.send(made if due else None, shift.file.tell, outbox, root=shift.directory)
    for failure in failures:
        shift.progress.note(failure)
    with shift.memory.session() as session:
        nights.save_note(session, of_host(CLOSING, shift.night.host), "")
        if due:
            nights.save_note(session, of_host(TOLD, shift.night.host), news.told(made, today))
    return Morning(news=made, told=due, problems=failures)


def _ended(shift: Shift) -> Night:
    """Return the night with its end, kept, as one of which nobody was told yet."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    ended = replace(shift.night, ended=shift.night.ended or now, state="finished")
    with shift.memory.session() as session:
        nights.save_night(session, ended)
        nights.save_note(session, of_host(CLOSING, ended.host), ended.id)
    return ended


def left(session: Session, host: str) -> Night | None:
    """Return the night of a host that was interrupted, at work or before everybody was told; None if there is none."""
    working = nights.unfinished(session, host)
    closing = nights.note(session, of_host(CLOSING, host))
    return working or (nights.night(session, closing) if closing else None)


def _news(shift: Shift, problems: tuple[str, ...]) -> News:
    with shift.memory.reading() as session:
        night, every = shift.night, records.records(session, NIGHTS)
        return news.news(
            night,
            today=date.today(),
            tips=nights.tips(session, night.id),
            jobs=nights.jobs(session, night.id),
            before=_REGRESSIONS.validate_json(nights.note(session, of_host(BEFORE, night.host)) or "[]"),
            after=regressions.regressions(session),
            trends=steps.of_tonight(session, night.host),
            healths_before=health.healths([record for record in every if record.night != night.id]),
            healths_after=health.healths(every),
            issues=shift.issues,
            problems=problems,
        )


def _published(shift: Shift) -> tuple[str, ...]:
    """Bring the site up to date; return what went wrong."""
    try:
        named = shift.directory / Path(shift.file.site).expanduser() if shift.file.site else None
        built = site.build(shift.memory, named, issues=shift.issues)
    except RigError as error:
        return (f"the site was not written: {error}",)
    shift.progress.note(f"site: {len(built.written)} pages written, {built.directory / 'index.html'}")
    return ()


def _sweep(shift: Shift) -> None:
    """Remove what is beyond the quota, and say what it was."""
    began = datetime.fromisoformat(shift.night.began).timestamp()
    items = tuple(gc.beyond(shift.file.quota, began)) if shift.file.quota is not None else ()
    for item in items:
        gc.remove(item)
    if items:
        freed = sum(item.bytes for item in items) / 1e6
        shift.progress.note(f"removed {len(items)} things, {freed:.0f} MB, to stay within the quota")
