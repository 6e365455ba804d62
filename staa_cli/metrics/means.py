"""Means of what was measured of utterances. No torch here: reports need them too."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean
from typing import Any

Measured = tuple[Mapping[str, float | None], bool]
"""What was measured of an utterance, and whether the attack succeeded."""


def mean(values: Iterable[float | None]) -> float | None:
    """The mean of the finite values; None where there is none."""
    known = [value for value in values if value is not None]
    return fmean(known) if known else None


def means(names: Iterable[str], measured: Sequence[Measured]) -> dict[str, Any]:
    """The means of what was measured, over all and over the successful."""
    return {
        name: {
            "all": mean(values.get(name) for values, _ in measured),
            "successful": mean(values.get(name) for values, success in measured if success),
        }
        for name in names
    }


def perceived(measured: Sequence[Measured]) -> dict[str, Any]:
    """The summary's entry of what is perceived of the changes, with how many utterances could be scored; none where nobody listened."""
    found = means(dict.fromkeys(name for values, _ in measured for name in values), measured)
    for name, entry in found.items():
        entry["scored"] = sum(values.get(name) is not None for values, _ in measured)
    return {"perception": found} if found else {}
