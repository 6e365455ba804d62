from __future__ import annotations

import pytest
import torch

from staa_cli.audio.budget import as_written, bounds
from staa_cli.audio.files import quantise_adversarial
from staa_cli.audio.sparsity import count, place, share_of, steepest


@pytest.mark.parametrize("percent", [0.001, 1.0, 2.5, 6.25, 33.3, 100.0])
def test_one_rule_for_a_number_and_for_tensors(percent: float) -> None:
    for length in (1, 7, 48_000, 57_599):
        x = torch.zeros(1, length)
        assert share_of(x, percent) == int(count(torch.tensor([percent]), length)) >= 1


@pytest.mark.parametrize("grain", [0.0, 2.0**-15])
def test_as_many_samples_differ_in_the_file_as_were_asked_for(grain: float) -> None:
    """Also where the file's steps swallow most magnitudes, and at the ends of its range."""
    random = torch.Generator().manual_seed(4)
    x = torch.randint(-(2**15), 2**15, (3, 5_000), generator=random) / 2**15
    x[0, :2_000] = 1 - 2**-15
    magnitudes = 1e-4 * torch.rand(3, 5_000, generator=random) * (torch.rand(3, 5_000, generator=random) > 0.3)
    scores = torch.randn(3, 5_000, generator=random)
    adversarial = place(x, magnitudes, scores, 500, torch.full((3, 1), grain))
    written = torch.from_numpy(quantise_adversarial(x, adversarial, "PCM_16")) if grain else adversarial
    moved = written != x
    assert moved.sum(dim=1).tolist() == [500] * 3
    assert ((written - x).abs() <= magnitudes.abs() + 1e-7).all()
    # No sample that could have moved was passed over for one of lower rank.
    able = (as_written(x, magnitudes, torch.full((3, 1), grain)) != x) & ~moved
    for row in range(3):
        assert scores[row][able[row]].max() <= scores[row][moved[row]].min()


def test_fewer_where_the_budget_moves_no_more() -> None:
    x = torch.zeros(1, 100)
    magnitudes = torch.zeros(1, 100)
    magnitudes[0, :7] = 0.1
    adversarial = place(x, magnitudes, torch.zeros(1, 100), 20, torch.zeros(1, 1))
    assert (adversarial != 0).sum() == 7


def test_no_other_change_of_so_many_samples_grows_a_linear_function_more() -> None:
    """Against all choices of 3 of 8 samples."""
    from itertools import combinations

    random = torch.Generator().manual_seed(5)
    x = torch.rand(1, 8, generator=random, dtype=torch.float64) * 2 - 1
    x[0, 0] = 1.0
    gradient = torch.randn(1, 8, generator=random, dtype=torch.float64)
    gradient[0, 0] = 9.0  # it cannot be followed: the sample is at the end of its range
    epsilon = torch.tensor([[0.01]], dtype=torch.float64)
    found = steepest(x, gradient, epsilon, 3, torch.zeros(1, 1, dtype=torch.float64))
    lowest, highest = bounds(x)
    best = (x + epsilon * gradient.sign()).clamp(lowest, highest) - x
    gains = [(gradient * best)[0, list(chosen)].sum() for chosen in combinations(range(8), 3)]
    assert (gradient * (found - x)).sum().item() == pytest.approx(max(gains).item())
    assert (found != x).sum() == 3
