"""How often a regression was seen, night after night, as a row of bars. No I/O."""

from collections.abc import Sequence
from dataclasses import dataclass

from rig.memory.values import Observation, Regression
from rig.render.site import naming

NEAR = 14  # nights in a list
FAR = 60  # on a page of its own


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A night: `share` is in percent, None if nothing that could have shown it ran."""

    night: str
    share: float | None
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Strip:
    """The whole, the oldest night first."""

    bars: tuple[Bar, ...]
    said: str


def strip(it: Regression, nights: Sequence[str], most: int) -> Strip:
    """Return the last `most` of `nights` (the oldest first) as far as `it` was seen in them."""
    observed = {each.night: each for each in it.observations}
    bars = tuple(_bar(night, observed.get(night)) for night in nights[-most:])
    looked = [bar for bar in bars if bar.share is not None]
    seen = sum(1 for bar in looked if bar.share)
    return Strip(bars=bars, said=f"seen in {seen} of {len(looked)} nights that could have shown it")


def _bar(night: str, observation: Observation | None) -> Bar:
    name = naming.short(night)
    if observation is None or not observation.trials:
        return Bar(night=night, share=None, said=f"{name}: not looked for")
    share = 100 * observation.hits / observation.trials
    return Bar(night=night, share=round(share, 1), said=f"{name}: {rate(observation)}")


def rate(observation: Observation | None) -> str:
    """Return how often it was seen, in words."""
    if observation is None or not observation.trials:
        return "not looked for"
    return f"{observation.hits} of {observation.trials} trials"
