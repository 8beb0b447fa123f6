"""Whether a kernel, or one trial of it, shows a finding that is known from another kernel. No I/O."""

import re
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from rig import compare
from rig.compare import Rules, Side
from rig.model import BuildFailure, Count, End, Finding, FindingStatus, Kernel, Trial

ENOUGH = 3  # trials to know a finding again by
_PLACE = re.compile(r":\d+(?::\d+)?(?=:)")  # of a compiler's message: other commits move it


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A finding, and trials of `bad` that show it: by them it is known under other titles, if it is the same bug.

    A counter that went up did so against the trials of `good`.
    """

    finding: Finding
    bad: Side
    good: Side
    rules: Rules

    @property
    def sure(self) -> bool:
        """Whether a bad kernel shows it every time: a counter that is exact."""
        return self.finding.type == compare.METRIC

    def shown(self, trial: Trial) -> bool | None:
        """Say whether `trial` shows it; None if it could not have, whatever the kernel."""
        if self.sure:
            return self._went_up(trial)
        before, after = self._count(self.bad.trials), self._count((*self.bad.trials, trial))
        if after.hits > before.hits:
            return True
        return False if after.trials > before.trials and trial.end is not End.NEVER_BOOTED else None

    def _count(self, trials: tuple[Trial, ...]) -> Count:
        found = compare.alone(replace(self.bad, trials=trials), self.rules).findings
        return next(each.base for each in found if self.finding.title in compare.titles(each))

    def _went_up(self, trial: Trial) -> bool | None:
        compared = compare.compare(self.good, replace(self.bad, trials=(trial,)), self.rules)
        if any(each.title == self.finding.title for each in compared.findings):
            return True
        measured = any(compare.rise(change.workload, change.name) == self.finding.title for change in compared.metrics)
        return False if measured else None


def known(finding: Finding, bad: Side, good: Side, rules: Rules) -> Known:
    """Return what it takes to know `finding` again."""
    each = (replace(bad, trials=(trial,)) for trial in bad.trials)
    showing = (side for side in each if named(finding.title, compare.alone(side, rules).findings))
    trials = tuple(side.trials[0] for side, _ in zip(showing, range(ENOUGH), strict=False))
    return Known(finding=finding, bad=replace(bad, trials=trials), good=good, rules=rules)


def named(title: str, findings: tuple[Finding, ...]) -> Finding | None:
    """Return the finding that `title` means: by one of its titles, or by a pattern that fits only one of them."""
    found = fitting(title, findings)
    return found[0] if len(found) == 1 else None


def fitting(title: str, findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """Return the finding with this title, or those that it fits as a pattern."""
    exact = tuple(each for each in findings if title in compare.titles(each))
    return exact[:1] or tuple(each for each in findings if any(fnmatchcase(one, title) for one in compare.titles(each)))


def of_bad(bad: Side, good: Side, rules: Rules) -> tuple[Finding, ...]:
    """Return what `bad` shows: in trials, or in being built, where `good` does not show the same."""
    found = compare.compare(good, bad, rules).findings
    return tuple(each for each in found if each.patched.hits and each.status is not FindingStatus.FIXED)


def built(title: str, kernel: Kernel | BuildFailure, good: Kernel, rules: Rules) -> bool | None:
    """Say whether being built, `kernel` shows what `title` says of a build; None if it could not have."""
    if title.startswith(compare.BROKEN):
        return _broken(title, kernel.errors) if isinstance(kernel, BuildFailure) else False
    if isinstance(kernel, BuildFailure):
        return None
    return any(each.title == title for each in of_bad(Side(kernel=kernel), Side(kernel=good), rules))


def _broken(title: str, errors: tuple[str, ...]) -> bool | None:
    """Say whether the same error is among `errors`, wherever in its file; with other ones nothing is known."""
    wanted = _PLACE.sub("", title.removeprefix(compare.BROKEN))
    return True if wanted in (_PLACE.sub("", error) for error in errors) else None
