"""The regressions of the memory, and what a search for one says of the others."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from rig import store
from rig.memory import database, nights, regressions, runs
from rig.memory.database import Database
from rig.memory.values import Night, Regression, Where
from rig.model import Comparison, Count, Finding, Verdict
from rig.nightly import jobs, watch
from rig.nightly.jobs import Answer
from rig.nightly.shift import Shift
from rig.progress import Silent
from tests import values

NONE, ALL = Count(hits=0, trials=3), Count(hits=3, trials=3)


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Database]:
    with database.opened(str(tmp_path / "memory.sqlite")) as made:
        yield made


def regression(title: str, **given: Any) -> Regression:
    plain: dict[str, Any] = {
        "number": 0,
        "kernel": "mainline",
        "title": title,
        "type": "METRIC",
        "standing": "confirmed",
        "open": True,
        "profiles": ("sanitize",),
        "shapes": ("default",),
        "workloads": ("churn",),
        "opened": "n1",
        "first_seen": "n1",
        "last_seen": "n1",
        "good": "c1",
        "bad": "c2",
    }
    return Regression(**{**plain, **given})


def came(title: str, base: Count = NONE) -> Finding:
    return values.finding(title, base=base, patched=ALL)


def explained(memory: Database, answer: Answer, *known: Regression) -> dict[str, str]:
    """Return the culprits by title, once the search for the first of `known` is over."""
    with memory.session() as session:
        first, *_ = [regressions.save(session, each) for each in known]
    shift = cast(Shift, SimpleNamespace(memory=memory, progress=Silent()))
    watch.explain(shift, first, answer)
    with memory.reading() as session:
        return {each.title: each.culprit for each in regressions.regressions(session)}


def answer(*findings: Finding, culprit: str = "c2 it was me") -> Answer:
    comparison = Comparison(verdict=Verdict.REGRESSION, findings=findings, metrics=())
    return Answer(run=values.run(comparison=comparison), culprit=culprit, odds=0.97)


def test_what_came_with_the_same_commit_needs_no_search_of_its_own(memory: Database) -> None:
    found = explained(memory, answer(came("A"), came("B")), regression("A"), regression("B"), regression("C"))
    assert found == {"A": "c2 it was me", "B": "c2 it was me", "C": ""}


def test_what_was_there_before_the_commit_is_not_laid_at_its_door(memory: Database) -> None:
    found = explained(memory, answer(came("A"), came("B", base=ALL)), regression("A"), regression("B"))
    assert found["B"] == ""


def test_what_is_of_another_kernel_or_known_already_stays(memory: Database) -> None:
    others = (regression("B", kernel="next"), regression("C", culprit="c9 not me"))
    found = explained(memory, answer(came("A"), came("B"), came("C")), regression("A"), *others)
    assert found == {"A": "c2 it was me", "B": "", "C": "c9 not me"}


def test_a_search_without_an_answer_explains_nothing_else(memory: Database) -> None:
    found = explained(memory, answer(came("A"), came("B"), culprit=""), regression("A"), regression("B"))
    assert found == {"A": "", "B": ""}


@pytest.mark.parametrize(("found", "culprit", "odds"), [(True, "c2 subject", 0.97), (False, "", None)])
def test_the_answer_is_read_from_what_the_search_wrote(
    tmp_path: Path, found: bool, culprit: str, odds: float | None
) -> None:
    suspects = [{"odds": 0.97, "commits": [{"short": "c2", "subject": "subject"}]}]
    (tmp_path / jobs.BISECTION).write_text(json.dumps({"found": found, "suspects": suspects}))
    run = values.run()
    with store.draft(tmp_path / "runs") as draft:
        draft.finish(replace(run, id=draft.id))
    (tmp_path / "runs" / draft.id / jobs.BISECTION).write_text((tmp_path / jobs.BISECTION).read_text())
    read = jobs._answer(tmp_path / "runs" / draft.id)
    assert (read.culprit, read.odds) == (culprit, odds)


def test_a_night_that_did_not_measure_a_counter_says_nothing_of_its_rise(memory: Database) -> None:
    where = Where(kernel="mainline", profile="sanitize", shape="default")
    rise = regression("churn: pf_fixed went up", workloads=("churn",))
    for night, name in (("2026-01-01", "pf_fixed"), ("2026-01-02", "other")):
        outcome = values.outcome("churn", metrics=(values.metric(name, 1.0),))
        run = values.run(id=f"{night}-r", trials=(values.trial("patched", outcomes=(outcome,)),))
        with memory.session() as session:
            nights.save_night(session, Night(id=night, began=night, deadline=night, host="h"))
            runs.take(session, run, "", night=night, where=where)
    with memory.reading() as session:
        assert watch._trials(session, "2026-01-01", rise) == 1
        assert watch._trials(session, "2026-01-02", rise) == 0
