"""Metrics beyond what tests/test_compare.py says of exact ones."""

from rig import metrics
from rig.compare import SideName
from rig.model import MetricChange, MetricKind, Trial
from tests import values

SLOW = (10.0, 10.1, 9.9, 10.2, 9.8, 10.05)


def measured(side: SideName, *figures: float, kind: MetricKind = MetricKind.RATE) -> tuple[Trial, ...]:
    return tuple(
        values.trial(side, outcomes=(values.outcome(metrics=(values.metric("rate", figure, kind),)),))
        for figure in figures
    )


def changed(by: float, *, judges_speed: bool = True, kind: MetricKind = MetricKind.RATE) -> MetricChange:
    after = tuple(figure * by for figure in SLOW)
    sides = measured("base", *SLOW, kind=kind), measured("patched", *after, kind=kind)
    (change,) = metrics.changes(*sides, judges_speed=judges_speed)
    return change


def test_a_rate_is_judged_where_speed_means_something() -> None:
    slower = changed(0.8)
    assert (slower.significant, slower.q_value) == (True, slower.p_value), "one test needs no correction"
    assert slower.low is not None
    assert slower.high is not None
    assert slower.low < -0.19 < slower.high < -0.15


def test_it_is_not_in_a_guest_with_detectors() -> None:
    slower = changed(0.8, judges_speed=False)
    assert (slower.significant, slower.q_value) == (False, None)


def test_a_sure_change_too_small_to_matter_is_none() -> None:
    slower = changed(0.96)
    assert slower.q_value is not None
    assert slower.q_value < 0.05
    assert not slower.significant


def test_counts_of_what_was_got_done_are_not_judged_beside_their_rates() -> None:
    assert changed(0.5, kind=MetricKind.COUNT).q_value is None


def test_guarded_metrics_are_marked() -> None:
    sides = measured("base", 1, 2), measured("patched", 1, 2)
    (change,) = metrics.changes(*sides, guarded=("churn/ra*",))
    assert change.guarded
    (change,) = metrics.changes(*sides, guarded=("other/*",))
    assert not change.guarded


def test_guarded_metrics_that_one_side_alone_measured_are_told() -> None:
    def trials(*names: str) -> tuple[Trial, ...]:
        return (values.trial(outcomes=(values.outcome(metrics=tuple(values.metric(name, 1.0) for name in names)),)),)

    found = metrics.lacking(trials("pf_a", "pf_b", "other"), trials("pf_b"), ("churn/pf_*",))
    assert found == {"patched": ["churn/pf_a"], "base": []}
    assert metrics.lacking(trials("pf_a"), (), ("churn/pf_*",)) == {}
