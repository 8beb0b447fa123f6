from dataclasses import replace
from typing import Any

from rig.memory.values import Cell, Where
from rig.model import Status
from rig.render.site.book import Book, Chapter, Known
from rig.render.site.matrix import FORGOTTEN, Field, matrices
from tests.render.site import made_up

WHERE = Where(kernel="mainline", profile="sanitize", shape="default")


def cell(*statuses: Status, **given: Any) -> Cell:
    counted = tuple((status, statuses.count(status)) for status in dict.fromkeys(statuses))
    return Cell(**{"where": WHERE, "workload": "churn", "statuses": counted, "findings": (), "runs": (), **given})


def book(*nights: Cell | None, **given: Any) -> Book:
    """Nights, the oldest first, with one cell each or none."""
    chapters = tuple(
        replace(made_up.book(1, ()).chapters[0], night=replace(night(at)), cells=(each,) if each else ())
        for at, each in enumerate(nights)
    )
    return Book(chapters=tuple(reversed(chapters)), **given)


def night(at: int) -> Any:
    return replace(made_up.book(1, ()).chapters[0].night, id=made_up.night_id(at))


def fields(made: Book) -> list[Field]:
    """The only field of each night, the oldest first."""
    return [each.groups[0][1][0].fields[0] for each in reversed(matrices(made)) if each.groups]


def letters(made: Book) -> str:
    return "".join(field.kind.letter for field in fields(made) if field.kind)


def test_one_failure_makes_a_cell_failed_and_one_pass_outweighs_what_was_skipped() -> None:
    assert letters(book(cell(Status.PASS, Status.FAIL))) == "F"
    assert letters(book(cell(Status.SKIP, Status.PASS))) == "P"
    assert letters(book(cell(Status.SKIP))) == "S"
    assert letters(book(cell(Status.MISS))) == "M"


def test_a_finding_makes_a_cell_failed_whatever_the_workload_says() -> None:
    assert letters(book(cell(Status.PASS, findings=("WARNING in foo",)))) == "F"


def test_a_cell_says_since_when_it_is_so() -> None:
    good, bad = cell(Status.PASS), cell(Status.FAIL)
    assert [field.since for field in fields(book(good, bad, bad, good))] == [
        "since 5 Jan",
        "since 6 Jan",
        "since 6 Jan",
        "since 8 Jan",
    ]


def test_a_cell_that_did_not_run_says_when_it_last_did_and_keeps_its_since() -> None:
    made = book(cell(Status.FAIL), None, cell(Status.FAIL))
    assert letters(made) == "F–F"
    assert [field.since for field in fields(made)] == ["since 5 Jan", "ran 5 Jan", "since 5 Jan"]
    assert "failed then" in fields(made)[1].said


def test_a_place_that_never_runs_any_more_is_forgotten() -> None:
    made = book(cell(Status.PASS), *(None,) * FORGOTTEN)
    assert len(fields(made)) == FORGOTTEN


def test_what_the_release_shows_or_somebody_explained_is_marked() -> None:
    bug = made_up.regression(1, "WARNING in foo", alt_titles=("WARNING in bar",))
    shown = cell(Status.FAIL, findings=("WARNING in bar",))
    old = replace(bug, standing="old")
    assert letters(book(shown, regressions=(bug,))) == "F"
    assert letters(book(shown, regressions=(old,))) == "K"
    assert letters(book(shown, regressions=(bug,), known={1: Known(reason="r")})) == "K"
    assert letters(book(shown, regressions=(bug,), known={1: Known(reason="r", expired=True)})) == "F"


def test_a_cell_leads_to_the_newest_report_that_is_there() -> None:
    run = cell(Status.PASS, runs=("1", "2", "3"))
    assert fields(book(run, reports=frozenset({"1", "2"})))[0].href == "runs/2/report.html"
    assert fields(book(run))[0].href == ""


def test_kernels_are_in_the_order_of_the_plan() -> None:
    (matrix, *_) = matrices(made_up.book(3, ()))
    assert [kernel for kernel, _ in matrix.groups] == ["mainline", "kvm-next"]


def test_a_workload_that_never_ran_at_a_place_has_an_empty_field() -> None:
    other = replace(WHERE, profile="leak")
    chapter = Chapter(night=night(0), cells=(cell(Status.PASS), cell(Status.PASS, where=other, workload="boot")))
    (matrix,) = matrices(Book(chapters=(chapter,)))
    assert matrix.workloads == ("boot", "churn")
    assert [[field.kind is None for field in row.fields] for row in matrix.groups[0][1]] == [
        [False, True],
        [True, False],
    ]
