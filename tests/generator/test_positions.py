from __future__ import annotations

import pytest
import torch

from staa_cli.audio.budget import as_written
from staa_cli.audio.files import quantise_adversarial
from staa_cli.generator.positions import GATES, binarise, place


def soft() -> torch.Tensor:
    return torch.rand(4, 20_000, generator=torch.Generator().manual_seed(0))


def test_one_at_and_above_the_threshold() -> None:
    assert binarise(torch.tensor([0.0, 0.49999, 0.5, 1.0]), 0.5).tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize("gate", GATES)
def test_gates_stay_in_the_unit_interval(gate: str) -> None:
    values = GATES[gate](soft(), 0.5, torch.Generator().manual_seed(1))
    assert values.min() >= 0
    assert values.max() <= 1


def test_random_gate_binarises_half_of_the_elements_and_only_the_others_carry_a_gradient() -> None:
    values = soft().requires_grad_()
    gated = GATES["random"](values, 0.5, torch.Generator().manual_seed(1))
    gated.sum().backward()
    assert values.grad is not None
    kept = values.grad == 1
    assert torch.equal(gated[kept], values[kept])
    assert torch.equal(gated[~kept], binarise(values, 0.5)[~kept])
    assert (values.grad[~kept] == 0).all()
    # 80,000 fair draws: five standard deviations.
    assert kept.double().mean().item() == pytest.approx(0.5, abs=5 * 0.5 / 80_000**0.5)


def test_straight_through_is_binary_forwards_and_the_identity_backwards() -> None:
    values = soft().requires_grad_()
    gated = GATES["straight-through"](values, 0.5, None)
    gated.sum().backward()
    assert torch.allclose(gated, binarise(values, 0.5))
    assert torch.equal(values.grad, torch.ones_like(values))


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
