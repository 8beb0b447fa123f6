"""The tests that workloads were made of: how many passed on each side, and why others were skipped. No I/O."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator

from rig.model import Case, Run, Status

MOST_NAMES = 6  # listed under one reason


def lines(run: Run) -> Iterator[str]:
    """Yield a line for each workload with tests and each side, then one for each reason for which some were skipped.

    What both sides skip alike is told once, after the second.
    """
    for workload, sides in _cases(run).items():
        skips = {side: tuple(_skips(cases)) for side, cases in sides.items()}
        alike = len(set(skips.values())) == 1
        for side, cases in sorted(sides.items()):
            yield f"{workload} on {side if run.patched else run.base.name}: {_counted(cases)}"
            if not alike or side == max(sides):  # "patched", if it is there
                yield from skips[side]


def _cases(run: Run) -> dict[str, dict[str, list[Case]]]:
    """Return the cases of all trials by workload and side."""
    found: dict[str, dict[str, list[Case]]] = {}
    for trial in run.trials:
        for outcome in trial.outcomes:
            if outcome.cases:
                found.setdefault(outcome.workload, {}).setdefault(trial.side, []).extend(outcome.cases)
    return found


def _counted(cases: Iterable[Case]) -> str:
    numbers = Counter(case.status for case in cases)
    return ", ".join(f"{numbers[status]} {status}" for status in Status if numbers[status])


def _skips(cases: Iterable[Case]) -> Iterator[str]:
    by_reason: defaultdict[str, dict[str, None]] = defaultdict(dict)
    for case in cases:
        if case.status is Status.SKIP:
            by_reason[case.reason][case.name] = None
    for reason, names in by_reason.items():
        more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
        yield f"  skipped, {reason or 'no reason given'}: {', '.join(list(names)[:MOST_NAMES])}{more}"
