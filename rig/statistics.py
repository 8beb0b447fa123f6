"""Exact tests and bounds for counts; ranks, intervals and corrections for metrics. No I/O."""

from collections.abc import Sequence
from typing import Any, Literal

ALPHA = 0.05  # the chance of a false "new" or "fixed" that is taken, unless a plan says otherwise
MOST_TRIALS = 200  # of a side; what takes more is out of reach
RESAMPLES = 2000
ROUNDING = 1e-9  # 3 of 3 against 0 of 3 is 0.05 exactly


def sure(p_value: float, alpha: float = ALPHA) -> bool:
    """Say whether a result with this p is taken to be no chance."""
    return p_value <= alpha + ROUNDING


def more_often(base: tuple[int, int], patched: tuple[int, int]) -> float:
    """Return Fisher's exact one-sided p: hits in `patched` this frequent by chance. Each side is (hits, trials)."""
    from scipy.stats import hypergeom  # slow to import

    (b_hits, b_trials), (p_hits, p_trials) = base, patched
    return float(hypergeom.sf(p_hits - 1, b_trials + p_trials, b_hits + p_hits, p_trials))


def upper_bound(trials: int, confidence: float = 1 - ALPHA) -> float:
    """Return the rate that 0 hits in `trials` still leave possible at `confidence` (exact, Clopper-Pearson)."""
    return 1.0 if trials == 0 else 1 - (1 - confidence) ** (1 / trials)


def settled_by(base: tuple[int, int], patched: tuple[int, int], alpha: float = ALPHA) -> int | None:
    """Return how many trials a side would settle counts of which one is 0, if the other's rate stays what it is.

    None if that is out of reach.
    """
    hits, trials = max(base, patched)
    for number in range(trials, MOST_TRIALS + 1):
        if sure(more_often((0, number), (hits * number // trials, number)), alpha):
            return number
    return None


def corrected(p_values: Sequence[float]) -> tuple[float, ...]:
    """Return the p values corrected for their number: the share of false ones among all at or below each.

    By Benjamini and Hochberg's procedure.
    """
    from scipy.stats import false_discovery_control

    return tuple(float(each) for each in false_discovery_control(p_values)) if p_values else ()


def change_interval(base: Sequence[float], patched: Sequence[float]) -> tuple[float, float] | None:
    """Return the 95% bootstrap interval of the change of the median, relative to base's; None where there is none."""
    from numpy import median  # slow to import, as scipy is
    from scipy.stats import bootstrap

    if min(len(base), len(patched)) < 2 or not all(base):
        return None

    def change(before: Any, after: Any, axis: int) -> Any:
        return median(after, axis) / median(before, axis) - 1

    found = bootstrap(
        (base, patched), change, n_resamples=RESAMPLES, vectorized=True, method="percentile", random_state=1
    )
    return float(found.confidence_interval.low), float(found.confidence_interval.high)


def rank_test(base: Sequence[float], patched: Sequence[float], *, exact: bool = False) -> float | None:
    """Return the two-sided p of the Mann-Whitney test; None with fewer than two values a side.

    `exact` has it counted out for many values too where none occurs twice: far out, the usual approximation is coarse.
    """
    from scipy.stats import mannwhitneyu

    together = {*base, *patched}
    if min(len(base), len(patched)) < 2 or len(together) == 1:
        return None
    method: Literal["exact", "auto"] = "exact" if exact and len(together) == len(base) + len(patched) else "auto"
    return float(mannwhitneyu(base, patched, alternative="two-sided", method=method).pvalue)
