"""One number for a curve, and the worst that any attacker does."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from math import log

Points = Sequence[tuple[float, float]]
"""Cost and success rate in percent, in the order of the cost."""


def area_percent(points: Points) -> float | None:
    """Mean success rate over the logarithm of the cost, by trapezoids: 100 is success everywhere; None for a single cost."""
    if len(points) < 2 or points[0][0] == points[-1][0]:
        return None
    steps = itertools.pairwise(points)
    total = sum((right[1] + left[1]) / 2 * log(right[0] / left[0]) for left, right in steps)
    return total / log(points[-1][0] / points[0][0])


def worst(curves: Sequence[Points]) -> list[tuple[float, float]]:
    """The highest success rate of any attacker at no more than each cost: what a victim has to fear."""
    highest, found = 0.0, []
    for cost, rate in sorted(point for curve in curves for point in curve):
        highest = max(highest, rate)
        found.append((cost, highest))
    return found
