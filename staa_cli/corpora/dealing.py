"""Dealing groups of utterances to parts of wanted sizes, every trait alike as far as whole groups allow."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from staa_cli.runtime.seeds import derive_seed

# Swapping looks at every pair of groups: beyond this many, dealing by size has enough small ones to be even.
MANY = 400


def deal(groups: Mapping[str, Counter[str]], shares: Mapping[str, float], seed: int) -> dict[str, str]:
    """Give each group to a part.

    Largest first, each goes where the counts then lie closest to the wanted ones (a least-squares cost over all traits); after that, two
    groups change places as long as this helps.

    Args:
        groups: for each group its utterances by trait: the key "" counts them all, others such as an emotion or a gender those with it.
        shares: the wanted share of each part, positive; no part stays empty where there are as many groups as parts.
        seed: decides between equals.

    Returns:
        The part of every group.
    """
    names = sorted(groups)
    random.Random(derive_seed(seed, "splits")).shuffle(names)
    names.sort(key=lambda name: -groups[name][""])
    traits = sorted({trait for counts in groups.values() for trait in counts})
    sizes = np.array([[groups[name][trait] for trait in traits] for name in names], float)
    # Each trait counts in shares of itself; their sum, the size, as much as all of them.
    sizes /= np.maximum(sizes.sum(axis=0), 1)
    sizes[:, traits.index("")] *= len(traits) ** 0.5
    share = np.array(list(shares.values()))
    wanted = share[:, None] * sizes.sum(axis=0)
    held = np.zeros_like(wanted)
    part = np.full(len(names), -1)
    for index in range(len(names)):
        empty = [place for place in range(len(share)) if not (part == place).any()]
        candidates = empty if len(names) - index <= len(empty) else list(range(len(share)))
        # What a part still lacks, in shares of what it is to hold, so that small parts are filled as early as large ones.
        costs = [(((held[p] + sizes[index] - wanted[p]) ** 2 - (held[p] - wanted[p]) ** 2).sum() / share[p], p) for p in candidates]
        part[index] = min(costs)[1]
        held[part[index]] += sizes[index]
    if len(names) <= MANY:
        improve(sizes, wanted, held, part)
    parts = list(shares)
    return {name: parts[place] for name, place in zip(names, part, strict=True)}


def improve(sizes: NDArray[np.float64], wanted: NDArray[np.float64], held: NDArray[np.float64], part: NDArray[np.int64]) -> None:
    """Swap pairs of groups between parts while the cost falls; changes `held` and `part`."""
    for _ in range(20):
        swapped = False
        for index in range(len(sizes)):
            here = part[index]
            excess = held - wanted
            moved = sizes - sizes[index]  # what `here` would gain from each other group
            gain = ((excess[here] + moved) ** 2 - excess[here] ** 2).sum(axis=1)
            gain += ((excess[part] - moved) ** 2 - excess[part] ** 2).sum(axis=1)
            gain[part == here] = 0
            best = int(gain.argmin())
            if gain[best] < -1e-12:
                held[here] += moved[best]
                held[part[best]] -= moved[best]
                part[index], part[best] = part[best], here
                swapped = True
        if not swapped:
            return
