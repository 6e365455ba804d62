from __future__ import annotations

import pytest
import torch

from staa_cli.generator.losses import adversarial_loss, magnitude_loss, quantisation_loss, sparsity_loss
from staa_cli.generator.staa_net import Perturbed


def perturbed() -> Perturbed:
    magnitudes = torch.tensor([[0.3, -0.4], [0.0, 0.5]])
    positions = torch.tensor([[1.0, 0.0], [1.0, 1.0]])
    soft = torch.tensor([[0.7, 0.4], [1.0, 1.0]])
    return Perturbed(magnitudes * positions, magnitudes, positions, soft)


def test_carlini_wagner_by_hand() -> None:
    logits = torch.tensor([[2.0, 5.0, 1.0], [4.0, 0.0, 3.5], [0.0, 9.0, 1.0]])
    reference = torch.tensor([1, 0, 0])
    assert adversarial_loss(logits, reference, confidence=2.0).tolist() == [3.0, 0.5, -2.0]
    assert adversarial_loss(logits, reference, confidence=2.0, targeted=True).tolist() == [-2.0, -0.5, 9.0]


def test_norms_by_hand() -> None:
    batch = perturbed()
    assert magnitude_loss(batch, "utterance").item() == pytest.approx((0.5 + 0.5) / 2)
    assert magnitude_loss(batch, "batch").item() == pytest.approx(0.5**0.5)
    assert sparsity_loss(batch, "utterance", factorised=True).item() == pytest.approx(1.5)
    assert sparsity_loss(batch, "batch", factorised=True).item() == pytest.approx(3)
    assert sparsity_loss(batch, "utterance", factorised=False).item() == pytest.approx((0.7 + 0.5) / 2)
    assert quantisation_loss(batch, "utterance").item() == pytest.approx((0.3**2 + 0.4**2) ** 0.5 / 2)


def test_norms_of_an_empty_perturbation_have_finite_gradients() -> None:
    magnitudes = torch.zeros(2, 3, requires_grad=True)
    soft = torch.ones(2, 3, requires_grad=True)
    batch = Perturbed(magnitudes, magnitudes, soft, soft)
    (magnitude_loss(batch, "utterance") + quantisation_loss(batch, "utterance") + sparsity_loss(batch, "utterance", True)).backward()
    assert magnitudes.grad is not None
    assert magnitudes.grad.isfinite().all()
    assert soft.grad is not None
    assert soft.grad.isfinite().all()
