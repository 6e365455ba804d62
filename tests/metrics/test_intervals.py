"""Intervals and paired tests against published values and simulation."""

from __future__ import annotations

import numpy as np
import pytest

from staa_cli.metrics.intervals import mcnemar, wilson_percent


@pytest.mark.parametrize(
    ("hits", "count", "lowest", "highest"),
    # R. G. Newcombe, Statistics in Medicine 17, 1998, table I, method 3.
    [(81, 263, 25.53, 36.62), (15, 148, 6.24, 16.05), (0, 20, 0.0, 16.11), (1, 29, 0.61, 17.18)],
)
def test_published_intervals(hits: int, count: int, lowest: float, highest: float) -> None:
    found = wilson_percent(hits, count)
    assert found is not None
    assert found == pytest.approx([lowest, highest], abs=0.006)


def test_edges() -> None:
    assert wilson_percent(0, 0) is None
    everything = wilson_percent(5, 5)
    assert everything is not None
    assert everything[1] == 100
    for count in range(1, 300):
        none, all_ = wilson_percent(0, count), wilson_percent(count, count)
        assert none is not None
        assert all_ is not None
        assert (none[0], all_[1]) == (0.0, 100.0)
    assert everything[0] < 60


def test_the_interval_covers_as_often_as_it_says() -> None:
    random, share, count = np.random.default_rng(0), 0.3, 60
    intervals = [wilson_percent(int(hits), count) for hits in random.binomial(count, share, 4_000)]
    covered = np.mean([low <= 100 * share <= high for low, high in filter(None, intervals)])
    assert 0.93 < covered < 0.97


def test_paired_significance() -> None:
    assert mcnemar(0, 0) == 1
    assert mcnemar(7, 7) == 1
    assert mcnemar(0, 6) == pytest.approx(2 / 2**6)
    assert mcnemar(10, 2) == mcnemar(2, 10) == pytest.approx(2 * (1 + 12 + 66) / 2**12)
