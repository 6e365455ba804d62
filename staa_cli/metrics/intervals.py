"""How sure a measured rate is."""

from __future__ import annotations

from math import comb, sqrt

Z = 1.959963984540054
"""Of the standard normal distribution, 95 % lie within ± this."""


def wilson_percent(hits: int, count: int) -> list[float] | None:
    """The 95 % interval of a rate, `[lowest, highest]` in percent; None for no trial.

    E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22, 1927.
    """
    if not count:
        return None
    share, squared = hits / count, Z**2 / count
    middle = (share + squared / 2) / (1 + squared)
    half = Z / (1 + squared) * sqrt(share * (1 - share) / count + squared / (4 * count))
    # Where all or none hit, rounding would leave 2.8e-15 of what is zero.
    return [100 * (middle - half) if hits else 0.0, 100 * (middle + half) if hits < count else 100.0]


def mcnemar(first_only: int, second_only: int) -> float:
    """The exact two-sided p of McNemar's paired test (Q. McNemar, Psychometrika 12, 1947): could two attackers be equally successful?

    Args:
        first_only, second_only: inputs on which one succeeded and the other did not.
    """
    count = first_only + second_only
    tail: float = sum(comb(count, hits) for hits in range(min(first_only, second_only) + 1)) / float(2**count)
    return min(1.0, 2 * tail)
