"""What a bisection tried, and what it found. No I/O."""

from dataclasses import dataclass

from rig.model import Commit, Count, Series
from rig.suspects import Suspect


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """A kernel that was built, or could not be."""

    kernel: int  # how many steps are in it
    name: str
    subject: str = ""  # of its last step
    count: Count  # trials that could have shown the finding; of a build one, if it could
    void: int = 0  # trials that could not
    skipped: str = ""  # why it could not be tried
    same: str = ""  # the kernel that it is alike to the bit


@dataclass(frozen=True, slots=True, kw_only=True)
class Bisection:
    """Which step of a series brought a finding in, with the odds."""

    series: Series
    finding: str  # its title
    workloads: tuple[str, ...]
    profile: str
    confidence: float  # that was asked for
    tried: tuple[Tried, ...]  # in the order of the series
    suspects: tuple[Suspect, ...] = ()  # the likeliest first
    undecided: str = ""  # why nothing is found with that confidence
    seconds: float
    run: str  # the ID it is kept under

    @property
    def answer(self) -> tuple[Commit, ...]:
        """Return the step that did it, or those that can't be told apart; () if that is undecided."""
        return () if self.undecided else self.commits(self.suspects[0])

    def commits(self, suspect: Suspect) -> tuple[Commit, ...]:
        """Return the steps of a suspect; () for the good kernel itself."""
        return tuple(self.series.commits[step - 1] for step in suspect.steps if step)

    def counted(self, *, having: bool) -> Count:
        """Return what all trials of kernels with the likeliest suspect, or without it, came to."""
        first, last = self.suspects[0].steps[0], self.suspects[0].steps[-1]
        taken = [each.count for each in self.tried if (each.kernel >= last if having else each.kernel < first)]
        return Count(hits=sum(each.hits for each in taken), trials=sum(each.trials for each in taken))
