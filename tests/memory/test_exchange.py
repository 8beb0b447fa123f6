import json
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from rig.errors import InputError
from rig.memory import database, exchange, metrics, nights, regressions, runs
from rig.memory.database import Database
from rig.memory.values import ChangePoint, Trend
from tests import values
from tests.filling import fill
from tests.memory.made import FIRST, WHERE, job, measure, night, regression, tip


def lines(memory: Database) -> list[str]:
    with memory.reading() as session:
        return list(exchange.export(session))


def test_a_memory_moves_whole_from_one_kind_of_database_to_the_other(memory: Database, tmp_path: Path) -> None:
    with database.opened(str(tmp_path / "other.sqlite")) as other:
        with other.session() as session:
            fill(session, nights=3, trials_per_night=12, seed=7)
        exported = lines(other)
    with memory.session() as session:
        counts = exchange.take_in(session, exported)
    assert lines(memory) == exported
    assert counts["night"] == 3
    assert counts["run"] == 36
    with memory.reading() as session:
        assert runs.cells(session, nights.nights(session)[0].id)


def test_what_is_hostile_moves_as_it_is(session: Session) -> None:
    nights.save_night(session, night(notes=(values.HOSTILE,)))
    nights.save_tip(session, tip(subject=values.HOSTILE))
    nights.save_job(session, job(why=values.HOSTILE))
    nights.save_note(session, "told", values.HOSTILE)
    runs.take(session, values.hostile(), values.HOSTILE, night=FIRST, where=WHERE)
    regressions.save(session, regression(values.HOSTILE))
    step = ChangePoint(night=FIRST, before=1.0, after=2.0, p_value=0.01)
    metrics.save_changes(session, Trend(measure=measure(values.HOSTILE), points=(), changes=(step,)))
    exported = list(exchange.export(session))
    session.rollback()
    exchange.take_in(session, exported)
    assert list(exchange.export(session)) == exported
    assert {key for line in exported for key in json.loads(line)} == set(exchange.KINDS)


def test_importing_twice_does_no_harm(session: Session) -> None:
    fill(session, nights=2, trials_per_night=12)
    exported = list(exchange.export(session))
    exchange.take_in(session, exported)
    assert list(exchange.export(session)) == exported


def test_a_night_can_be_added_to_what_is_there(session: Session) -> None:
    regressions.save(session, regression("mine"))
    exchange.take_in(session, ['{"memory": {"format": 1}}', json.dumps({"night": {**_fields()}}), ""])
    assert [each.id for each in nights.nights(session)] == [FIRST]
    assert [each.title for each in regressions.regressions(session)] == ["mine"]


def _fields() -> dict[str, str]:
    return {"id": FIRST, "began": "2026-01-01T22:00", "deadline": "2026-01-02T06:00", "host": "lab1"}


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ([], "is empty"),
        (["{}"], "name:1"),
        (["not json"], "name:1"),
        (['{"night": {}}'], "name:1: is no export"),
        (['{"memory": {"format": 1}}', '{"moon": {}}'], "name:2"),
        (['{"memory": {"format": 1}}', '{"night": {"id": 7}}'], "name:2"),
        (['{"memory": {"format": 1}}', "[1]"], "name:2"),
        (['{"memory": {"format": 2}}'], "format 2"),
    ],
)
def test_what_is_no_export_is_bad_input_with_its_line(session: Session, bad: list[str], said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        exchange.take_in(session, bad, "name")
    assert caught.value.hint
