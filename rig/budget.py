"""The time a run may take, and what still fits into it. No I/O."""

import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from rig import duration
from rig.model import Trial


@dataclass(slots=True, kw_only=True)
class Budget:
    """Seconds from now on (None: no end) against what trials were seen to take."""

    seconds: float | None
    began: float = field(default_factory=time.monotonic)
    left_out: int = 0  # boots that did not fit
    reserved: float = 0.0  # seconds that are kept for what comes later
    _overhead: float = 0.0  # of a boot, without its workloads
    _longest: dict[str, float] = field(default_factory=dict)  # by workload

    @property
    def gone(self) -> float:
        """Return the seconds that have gone by."""
        return time.monotonic() - self.began

    def learn(self, trial: Trial) -> None:
        """Take note of what `trial` took."""
        taken = {outcome.workload: outcome.seconds for outcome in trial.outcomes}
        self._overhead = max(self._overhead, trial.seconds - sum(taken.values()))
        for name, seconds in taken.items():
            self._longest[name] = max(self._longest.get(name, 0.0), seconds)

    def admits(self, workloads: Iterable[str]) -> bool:
        """Say whether a boot with `workloads` is expected to end in time, and remember it if not."""
        fits = self.seconds is None or self.gone + self._expected(workloads) <= self.seconds - self.reserved
        self.left_out += not fits
        return fits

    def _expected(self, workloads: Iterable[str]) -> float:
        unknown = max(self._longest.values(), default=0.0)
        return self._overhead + sum(self._longest.get(name, unknown) for name in workloads)

    @property
    def note(self) -> str:
        """Return what a reader must know of it; "" if it was enough."""
        if not self.left_out or self.seconds is None:
            return ""
        more = "another boot" if self.left_out == 1 else f"{self.left_out} more boots"
        return f"the budget of {duration.words(self.seconds)} was too short for {more}"
