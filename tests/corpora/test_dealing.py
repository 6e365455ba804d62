"""Stratified dealing against the optimum that trying everything finds."""

from __future__ import annotations

import itertools
import random
from collections import Counter

import pytest

from staa_cli.corpora.dealing import deal


def groups(count: int, seed: int) -> dict[str, Counter[str]]:
    """Groups of uneven sizes and emotions."""
    draw = random.Random(seed)
    made = {}
    for number in range(count):
        emotions = {f"emotion {name}": draw.randint(0, 12) for name in "abc"}
        size = sum(emotions.values()) + 1
        made[f"g{number}"] = Counter({"": size, **emotions, f"gender {number % 2}": size})
    return made


def unevenness(given: dict[str, Counter[str]], shares: dict[str, float], part: dict[str, str]) -> float:
    """The sum of squared differences from the wanted counts, each trait in shares of its total; the size counts as much as all."""
    traits = {trait for counts in given.values() for trait in counts}
    cost = 0.0
    for trait in traits:
        total = sum(counts[trait] for counts in given.values())
        for name, share in shares.items():
            held = sum(counts[trait] for group, counts in given.items() if part[group] == name)
            cost += (held / total - share) ** 2 * (len(traits) if trait == "" else 1)
    return cost


@pytest.mark.parametrize("seed", range(6))
def test_close_to_the_optimum(seed: int) -> None:
    given, shares = groups(8, seed), {"train": 0.5, "val": 0.25, "test": 0.25}
    found = unevenness(given, shares, deal(given, shares, seed))
    every = [
        unevenness(given, shares, dict(zip(given, parts, strict=True)))
        for parts in itertools.product(shares, repeat=len(given))
        if set(parts) == set(shares)
    ]
    better = sum(cost < found for cost in every)
    assert better / len(every) < 0.01


@pytest.mark.parametrize("count", [2, 3, 10, 97])
def test_no_part_stays_empty(count: int) -> None:
    given = groups(count, 1)
    parts = deal(given, {f"p{number}": 1 / min(count, 5) for number in range(min(count, 5))}, 0)
    assert len(set(parts.values())) == min(count, 5)
    assert set(parts) == set(given)


def test_one_giant_does_not_leave_the_others_empty() -> None:
    given = {"giant": Counter({"": 1000}), "a": Counter({"": 1}), "b": Counter({"": 1})}
    assert set(deal(given, {"train": 0.6, "val": 0.2, "test": 0.2}, 0).values()) == {"train", "val", "test"}


def test_the_order_of_the_groups_does_not_matter() -> None:
    given, shares = groups(12, 3), {"train": 0.7, "test": 0.3}
    assert deal(given, shares, 5) == deal(dict(reversed(given.items())), shares, 5)
