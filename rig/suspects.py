"""Which step of a series brought a finding in, by trials that show it only now and then. No I/O.

Kernel 0 is the good one, kernel k has the first k steps, the last one is bad. Candidates are all the steps, and 0 for
"the good kernel has it already". A kernel with the cause shows the finding at a rate that is not known, any rate
being as likely as another beforehand; so what trials say of a candidate is a Beta-binomial likelihood, in closed
form. That the odds are right, at any rate from 0.2 to 1, is computed in a test.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from math import comb, exp, lgamma, log

from rig.model import Count

FALSE = 0.001  # the chance that a trial shows the finding without the cause being there
NOTHING = Count(hits=0, trials=0)
USELESS = 1e-6  # nats that a trial is expected to tell: not worth any


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What is known of the kernels of a series so far."""

    steps: int
    counts: Mapping[int, Count] = field(default_factory=dict)  # by kernel
    skipped: frozenset[int] = frozenset()  # kernels that can't be tried
    same: tuple[tuple[int, int], ...] = ()  # kernels that are alike to the bit: no step from one to the other matters
    sure: bool = False  # a bad kernel shows it in every trial


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspect:
    """A step, or several that can't be told apart; step 0 means that the good kernel has it already."""

    steps: tuple[int, ...]
    odds: float


def percent(odds: float) -> str:
    """Return odds as people read them; never 100 % for what is not sure."""
    return f"{min(odds, 0.999):.1%}" if odds > 0.99 else f"{odds:.0%}"


def odds(evidence: Evidence) -> tuple[float, ...]:
    """Return the probability of each candidate: 0, and the steps."""
    weights = [
        0.0 if _excluded(step, evidence) else _likelihood(*split, evidence.sure) for step, split in _split(evidence)
    ]
    total = sum(weights)
    return tuple(weight / total for weight in weights)


def suspects(evidence: Evidence) -> tuple[Suspect, ...]:
    """Return all candidates, the likeliest first; those with only kernels between them that can't be tried as one."""
    groups: list[list[int]] = [[]]
    for step in range(evidence.steps + 1):
        groups[-1].append(step)
        if step not in evidence.skipped:
            groups.append([])
    each = odds(evidence)
    found = (Suspect(steps=_possible(group, each), odds=sum(each[step] for step in group)) for group in groups if group)
    return tuple(sorted(found, key=lambda suspect: -suspect.odds))


def _possible(group: list[int], each: tuple[float, ...]) -> tuple[int, ...]:
    return tuple(step for step in group if each[step]) or tuple(group)


def best(evidence: Evidence, seconds: Callable[[int], float], at_once: int = 1) -> int | None:
    """Return the kernel of which `at_once` trials tell the most in the time they take; None if none tells anything.

    `seconds` says how long they would take with a kernel, the time to build it included; infinity is never.
    """
    worth = {
        kernel: gain * _hope(kernel, evidence) / seconds(kernel)
        for kernel, gain in enumerate(_gains(evidence, at_once))
        if kernel not in evidence.skipped and gain > USELESS
    }
    return max((kernel for kernel in worth if worth[kernel]), key=lambda kernel: worth[kernel], default=None)


# ---- what trials say


def _split(evidence: Evidence) -> Iterator[tuple[int, tuple[int, int, int, int]]]:
    """Yield each candidate with hits and misses of the kernels before it, and from it on."""
    hits = sum(count.hits for count in evidence.counts.values())
    misses = sum(count.trials for count in evidence.counts.values()) - hits
    good_hits = good_misses = 0
    for step in range(evidence.steps + 1):
        yield step, (good_hits, good_misses, hits - good_hits, misses - good_misses)
        count = evidence.counts.get(step, NOTHING)
        good_hits, good_misses = good_hits + count.hits, good_misses + count.trials - count.hits


def _excluded(step: int, evidence: Evidence) -> bool:
    return any(first < step <= last for first, last in evidence.same)


@cache
def _likelihood(good_hits: int, good_misses: int, hits: int, misses: int, sure: bool) -> float:
    """Return how likely it is to see what was seen, if kernels are good or bad like that."""
    good = good_hits * log(FALSE) + good_misses * log(1 - FALSE)
    if sure:
        return exp(good + hits * log(1 - FALSE) + misses * log(FALSE))
    return exp(good + _log_beta(1 + hits, 1 + misses))


def _log_beta(one: float, other: float) -> float:
    return lgamma(one) + lgamma(other) - lgamma(one + other)


# ---- what trials would say


def _gains(evidence: Evidence, at_once: int) -> Iterator[float]:
    """Yield for each kernel what trials of it are expected to tell of the candidates, in nats.

    That is the entropy of what they show, less what of it is left when the candidate is known.
    """
    clean = _chances(at_once, None)
    passed = left = 0.0
    shown = [0.0] * (at_once + 1)
    for (_, (_, _, hits, misses)), odd in zip(_split(evidence), odds(evidence), strict=True):
        bad = _chances(at_once, None if evidence.sure else (hits, misses), sure=evidence.sure)
        passed += odd
        left += odd * _entropy(bad)
        shown = [before + odd * chance for before, chance in zip(shown, bad, strict=True)]
        mixed = tuple(chance + (1 - passed) * other for chance, other in zip(shown, clean, strict=True))
        yield _entropy(mixed) - left - (1 - passed) * _entropy(clean)


@cache
def _chances(trials: int, known: tuple[int, int] | None, sure: bool = False) -> tuple[float, ...]:
    """Return how likely each number of hits is: of a bad kernel with `known` hits and misses, or at a fixed rate."""
    if known is None:
        rate = 1 - FALSE if sure else FALSE
        return tuple(comb(trials, hits) * rate**hits * (1 - rate) ** (trials - hits) for hits in range(trials + 1))
    before = _log_beta(1 + known[0], 1 + known[1])
    return tuple(
        comb(trials, hits) * exp(_log_beta(1 + known[0] + hits, 1 + known[1] + trials - hits) - before)
        for hits in range(trials + 1)
    )


def _entropy(chances: tuple[float, ...]) -> float:
    return -sum(chance * log(chance) for chance in chances if chance > 0)


def _hope(kernel: int, evidence: Evidence) -> float:
    """Return how likely it is that a kernel can be tried: what breaks one breaks its neighbours."""
    if kernel in evidence.counts or not evidence.skipped:
        return 1.0
    return 1 - 0.5 ** min(abs(kernel - other) for other in evidence.skipped)
