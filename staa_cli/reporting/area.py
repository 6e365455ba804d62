"""One number for a curve, and the worst that any attacker does."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from math import log

Points = Sequence[tuple[float, float]]
"""Cost and a measure in percent, in the order of the cost."""


def area_percent(points: Points, along: Callable[[float], float] = log) -> float | None:
    """The measure's mean over the logarithm of the cost, by trapezoids: of success rates 100 is success everywhere; None for one cost.

    Args:
        along: where a cost stands on its axis.
    """
    if len(points) < 2 or points[0][0] == points[-1][0]:
        return None
    steps = itertools.pairwise([(along(cost), value) for cost, value in points])
    total = sum((right[1] + left[1]) / 2 * (right[0] - left[0]) for left, right in steps)
    return total / (along(points[-1][0]) - along(points[0][0]))


def worst(curves: Sequence[Points], *, lowest: bool = False, dear_first: bool = False) -> list[tuple[float, float]]:
    """The most that any attacker does at no more than each cost: what a victim has to fear.

    Args:
        lowest: whether the attacker wants the measure low, as of an accuracy.
        dear_first: whether a lower number is the higher cost, as of an SNR.

    Returns:
        The points, from the cheapest.
    """
    points = sorted((point for curve in curves for point in curve), reverse=dear_first)
    values = itertools.accumulate((value for _, value in points), min if lowest else max)
    return [(cost, value) for (cost, _), value in zip(points, values, strict=True)]
