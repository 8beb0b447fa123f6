"""The tests that workloads were made of: how many passed on each side, and why others were skipped. No I/O."""

from collections import defaultdict
from collections.abc import Iterator

from rig.model import Case, Run, Status

MOST_NAMES = 6  # listed under one reason


def lines(run: Run) -> Iterator[str]:
    """Yield a line for each workload with tests and each side, then one for each reason for which some were skipped."""
    outcomes = [(trial.side, outcome) for trial in run.trials for outcome in trial.outcomes if outcome.cases]
    for side, workload in dict.fromkeys((side, outcome.workload) for side, outcome in outcomes):
        of_side = [outcome.cases for own, outcome in outcomes if (own, outcome.workload) == (side, workload)]
        cases = tuple(case for some in of_side for case in some)
        yield f"{workload} on {side if run.patched else run.base.name}: {_counted(cases)}"
        yield from _skips(cases)


def _counted(cases: tuple[Case, ...]) -> str:
    numbers = {status: sum(case.status is status for case in cases) for status in Status}
    return ", ".join(f"{number} {status}" for status, number in numbers.items() if number)


def _skips(cases: tuple[Case, ...]) -> Iterator[str]:
    by_reason: defaultdict[str, dict[str, None]] = defaultdict(dict)
    for case in cases:
        if case.status is Status.SKIP:
            by_reason[case.reason][case.name] = None
    for reason, names in by_reason.items():
        more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
        yield f"  skipped, {reason or 'no reason given'}: {', '.join(list(names)[:MOST_NAMES])}{more}"
