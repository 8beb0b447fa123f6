"""How much slower a profile is, from rates that are scripted."""

import pytest

from rig import plan, slowdown
from rig.experiment import Overrides
from rig.model import MetricKind, Profile
from rig.progress import Silent
from tests import values
from tests.lab import Lab

RATES = {"perf": 12.0, "sanitize": 4.0, "race": 6.0}


async def test_a_profile_is_measured_against_the_one_without_debugging(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    trial = lab.trial

    async def under(*given: object, **named: object) -> object:
        profile = named["profile"]
        assert isinstance(profile, Profile)
        asked.append(profile.name)
        metric = values.metric(slowdown.RATE, RATES[profile.name], MetricKind.RATE)
        lab.script = lambda *_: {"metrics": (metric,)}
        return await trial(*given, **named)  # type: ignore[arg-type]

    monkeypatch.setattr("rig.rounds.trial.run", under)
    chosen = tuple(plan.profile(name) for name in ("sanitize", "race"))
    measured = await slowdown.measure(chosen, Overrides(repeats=1), Silent())
    assert measured == pytest.approx({"sanitize": 3.0, "race": 2.0})
    assert asked == ["perf", "sanitize", "race"]
