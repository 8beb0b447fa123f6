from dataclasses import replace

from rig.model import Stage
from rig.render.html.timeline import timeline
from tests import values
from tests.render import made_up


def test_stages_come_before_trials_in_the_order_of_their_beginning() -> None:
    shown = timeline(made_up.rich()[0])
    assert shown
    labels = [row.label for row in shown.rows]
    assert labels[:4] == ["image", "building base", "building patched", "reading consoles"]
    assert labels[4:] == ["base 1", "patched 1", "base 2", "patched 2", "base 3", "patched 3"]


def test_a_trial_is_booting_its_workloads_and_the_rest() -> None:
    outcomes = (values.outcome("a", seconds=20), values.outcome("b", seconds=30))
    trial = values.trial(outcomes=outcomes, began=100.0, ready_seconds=10.0, seconds=70.0)
    shown = timeline(replace(made_up.rich()[0], trials=(trial,), stages=(), seconds=200.0))
    assert shown
    (row,) = shown.rows
    bars = [(bar.kind, bar.what, bar.left, bar.width) for bar in row.bars]
    assert bars == [
        ("boot", "booting", 50.0, 5.0),
        ("work", "a", 55.0, 10.0),
        ("work", "b", 65.0, 15.0),
        ("rest", "checks, powering off", 80.0, 5.0),
    ]


def test_nothing_sticks_out() -> None:
    run = replace(made_up.rich()[0], seconds=1.0, stages=(Stage(what="x", began=0, seconds=10_000),))
    shown = timeline(run)
    assert shown
    assert all(bar.left + bar.width <= 100.01 for row in shown.rows for bar in row.bars)
    assert len(shown.ticks) <= 8


def test_a_run_of_before_has_none() -> None:
    run = made_up.rich()[0]
    assert timeline(replace(run, stages=(), trials=tuple(replace(each, began=0.0) for each in run.trials))) is None
