import pytest

from rig.budget import Budget
from tests import values


def spent(seconds: float | None, gone: float, monkeypatch: pytest.MonkeyPatch) -> Budget:
    monkeypatch.setattr("rig.budget.time.monotonic", lambda: gone)
    return Budget(seconds=seconds, began=0.0)


def test_without_one_everything_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    budget = spent(None, 1e9, monkeypatch)
    assert budget.admits(("churn",))
    assert budget.note == ""


def test_a_boot_that_would_end_too_late_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    budget = spent(100, 50, monkeypatch)
    budget.learn(
        values.trial(seconds=50, outcomes=(values.outcome("one", seconds=30), values.outcome("two", seconds=10)))
    )
    assert budget.admits(("one", "two"))
    budget.learn(values.trial(seconds=41, outcomes=(values.outcome("one", seconds=31),)))
    assert not budget.admits(("one", "two"))
    assert budget.admits(("two",))
    assert budget.note == "the budget of 1m40s was too short for another boot"


def test_what_was_never_run_is_taken_for_as_long_as_the_longest(monkeypatch: pytest.MonkeyPatch) -> None:
    budget = spent(100, 50, monkeypatch)
    budget.learn(values.trial(seconds=60, outcomes=(values.outcome("one", seconds=55),)))
    assert not budget.admits(("other",))
