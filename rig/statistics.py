"""Exact tests and bounds for counts, ranks for metrics. No I/O."""

from collections.abc import Sequence

ALPHA = 0.05  # the chance of a false "new" or "fixed" that is taken


def more_often(base: tuple[int, int], patched: tuple[int, int]) -> float:
    """Return Fisher's exact one-sided p: hits in `patched` this frequent by chance. Each side is (hits, trials)."""
    from scipy.stats import hypergeom  # slow to import

    (b_hits, b_trials), (p_hits, p_trials) = base, patched
    return float(hypergeom.sf(p_hits - 1, b_trials + p_trials, b_hits + p_hits, p_trials))


def upper_bound(trials: int, confidence: float = 1 - ALPHA) -> float:
    """Return the rate that 0 hits in `trials` still leave possible at `confidence` (exact, Clopper-Pearson)."""
    return 1.0 if trials == 0 else 1 - (1 - confidence) ** (1 / trials)


def rank_test(base: Sequence[float], patched: Sequence[float]) -> float | None:
    """Return the two-sided p of the Mann-Whitney test; None with fewer than two values a side."""
    from scipy.stats import mannwhitneyu

    if min(len(base), len(patched)) < 2 or len({*base, *patched}) == 1:
        return None
    return float(mannwhitneyu(base, patched, alternative="two-sided").pvalue)
