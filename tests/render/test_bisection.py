import json
from typing import Any

from rich.console import Console

from rig.bisection import Bisection, Tried
from rig.model import Commit, Count, Recipe, Series
from rig.render import bisection
from rig.suspects import Suspect
from tests.values import HOSTILE


def commit(number: int, **given: Any) -> Commit:
    defaults = {
        "id": f"{number}" * 40,
        "short": f"{number}" * 7,
        "subject": f"sub: change {number}",
        "message": "",
        "author": "A <a@example.org>",
        "date": "2026-01-02T03:04:05+00:00",
        "recipe": Recipe(name="x"),
    }
    return Commit(**{**defaults, **given})


def tried(kernel: int, hits: int, trials: int, **given: Any) -> Tried:
    name = f"{kernel}" * 7 if kernel else "v1"
    return Tried(kernel=kernel, name=name, count=Count(hits=hits, trials=trials), **given)


def found(**given: Any) -> Bisection:
    """Three commits, of which the second is at fault."""
    defaults: dict[str, Any] = {
        "series": Series(base=Recipe(name="v1"), commits=(commit(1), commit(2), commit(3))),
        "finding": "WARNING in foo",
        "workloads": ("churn",),
        "profile": "sanitize",
        "confidence": 0.95,
        "tried": (tried(0, 0, 2), tried(1, 0, 3), tried(2, 1, 2, subject="sub: change 2"), tried(3, 3, 3)),
        "suspects": (
            Suspect(steps=(2,), odds=0.96),
            Suspect(steps=(1,), odds=0.03),
            Suspect(steps=(0,), odds=0.009),
            Suspect(steps=(3,), odds=0.001),
        ),
        "seconds": 125.0,
        "run": "20260101-000000-abcd",
    }
    return Bisection(**{**defaults, **given})


def screen(shown: Bisection) -> str:
    console = Console(width=140, highlight=False)
    with console.capture() as captured:
        console.print(bisection.summary(shown))
    return captured.get()


def test_the_answer_is_the_commit_with_what_speaks_for_it() -> None:
    lines = screen(found()).splitlines()
    assert lines[0] == "2222222 sub: change 2"
    assert f"  commit {'2' * 40}" in lines
    assert "  author A <a@example.org>, 2026-01-02" in lines
    assert "brought in WARNING in foo (96% sure)" in lines
    assert "  with it 4 of 5 trials show it, without it 0 of 5 trials" in lines
    assert "odds: 2222222: 96%, 1111111: 3%, v1 already: 1%" in lines
    assert "3 commits, 4 kernels, 10 trials in 2:05" in lines
    assert lines[-1] == "more: rig show 20260101-000000-abcd"


def test_each_kernel_that_was_tried_has_a_row() -> None:
    shown = found(tried=(tried(0, 0, 2), tried(1, 0, 0, skipped="does not build: x"), tried(3, 3, 3, void=1)))
    assert "skipped: does not build: x" in screen(shown)
    assert "3 of 3, 1 could not" in screen(shown)
    assert "same as 3333333" in screen(found(tried=(tried(2, 0, 0, same="3333333"),)))


def test_commits_that_cannot_be_told_apart_are_all_named() -> None:
    shown = screen(found(suspects=(Suspect(steps=(2, 3), odds=0.97), Suspect(steps=(0,), odds=0.03))))
    assert shown.startswith("one of 2 commits, 97% sure; the kernels between them can't be tried:\n")
    assert "2222222 sub: change 2" in shown
    assert "3333333 sub: change 3" in shown
    assert "2222222 to 3333333: 97%" in shown


def test_what_is_undecided_says_why_and_what_is_likely() -> None:
    lines = screen(found(undecided="the budget of 20m is spent")).splitlines()
    assert lines[:2] == ["undecided: the budget of 20m is spent", "  looked for: WARNING in foo"]
    assert "odds: 2222222: 96%, 1111111: 3%, v1 already: 1%" in lines


def test_without_any_evidence_there_is_no_table() -> None:
    assert "odds" not in screen(found(undecided="v2 did not show it", suspects=(), tried=(tried(0, 0, 0),)))


def test_a_merge_says_how_to_look_into_it() -> None:
    series = Series(base=Recipe(name="v1"), commits=(commit(1), commit(2, merge=True), commit(3)))
    assert "rig bisect $(git merge-base 2222222^1 2222222^2) 2222222^2" in screen(found(series=series))


def test_odds_are_never_told_as_certain() -> None:
    assert bisection.odds(found(suspects=(Suspect(steps=(2,), odds=1.0),))) == "2222222: 99.9%"


def test_a_step_is_told_with_what_is_suspected_now() -> None:
    line = bisection.step(tried(1, 0, 3), found())
    assert line == "1111111 (1 of 3): 0 of 3; 2222222: 96%, 1111111: 3%, v1 already: 1%"


def test_a_long_series_does_not_fill_more_than_a_screen() -> None:
    series = Series(base=Recipe(name="v1"), commits=tuple(commit(number) for number in range(1, 100)))
    every = tuple(tried(number, 0, 1) for number in range(100))
    suspects = (Suspect(steps=(50,), odds=0.96), Suspect(steps=tuple(range(50)), odds=0.04))
    shown = screen(
        found(series=series, tried=every, suspects=(*suspects, Suspect(steps=tuple(range(51, 100)), odds=0)))
    )
    assert len(shown.splitlines()) <= 30


def test_hostile_text_steers_nothing() -> None:
    series = Series(base=Recipe(name="v1"), commits=(commit(1), commit(2, subject=HOSTILE, author=HOSTILE), commit(3)))
    shown = screen(found(series=series, finding=HOSTILE, tried=(tried(2, 1, 1, skipped=HOSTILE, subject=HOSTILE),)))
    assert "\x1b" not in shown
    assert "\x00" not in shown


def test_json_has_the_answer_and_what_it_rests_on() -> None:
    document = json.loads(bisection.to_json(found()))
    assert (document["schema"], document["found"], document["undecided"]) == (1, True, None)
    assert document["suspects"][0]["commits"][0]["id"] == "2" * 40
    assert document["suspects"][2]["already_in_good"] is True
    assert document["tried"][2] == {
        "step": 2,
        "name": "2222222",
        "id": "2" * 40,
        "hits": 1,
        "trials": 2,
        "void": 0,
        "skipped": None,
        "same_as": None,
    }
