from __future__ import annotations

import pytest
import torch

from staa_cli.generator.positions import GATES, binarise


def soft() -> torch.Tensor:
    return torch.rand(4, 20_000, generator=torch.Generator().manual_seed(0))


def draws() -> torch.Tensor:
    return torch.rand(4, 20_000, generator=torch.Generator().manual_seed(1))


def test_one_at_and_above_the_threshold() -> None:
    assert binarise(torch.tensor([0.0, 0.49999, 0.5, 1.0]), 0.5).tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize("gate", GATES)
def test_gates_stay_in_the_unit_interval(gate: str) -> None:
    values = GATES[gate](soft(), 0.5, draws())
    assert values.min() >= 0
    assert values.max() <= 1


def test_random_gate_binarises_half_of_the_elements_and_only_the_others_carry_a_gradient() -> None:
    values = soft().requires_grad_()
    gated = GATES["random"](values, 0.5, draws())
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
