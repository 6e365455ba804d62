"""The four losses of STAA-Net (section 3.3 of the paper)."""

from __future__ import annotations

import torch
from torch import Tensor

from staa_cli.generator.recipe import Threshold
from staa_cli.generator.staa_net import Perturbed
from staa_cli.metrics.margin import margin


def adversarial_loss(logits: Tensor, reference: Tensor, confidence: float, *, targeted: bool = False) -> Tensor:
    """Carlini-Wagner loss, equation 3: max{f_y − max_{i≠y} f_i, −φ}, per utterance.

    Args:
        logits: `(B, K)`, K ≥ 2.
        reference: `(B,)` the class y to leave; or to reach, where `targeted`: then the difference is the other way round.
        confidence: φ ≥ 0.

    Returns:
        `(B,)`
    """
    return -margin(logits, reference, targeted).clamp(max=confidence)


def norm(values: Tensor, order: int, over: str) -> Tensor:
    """‖values‖ of `(B, T)`: the mean of the utterances' norms (`utterance`), or of the whole batch as one vector (`batch`, as released)."""
    if over == "batch":
        whole: Tensor = torch.linalg.vector_norm(values, order)
        return whole
    rows: Tensor = torch.linalg.vector_norm(values, order, dim=1)
    return rows.mean()


def magnitude_loss(perturbed: Perturbed, over: str) -> Tensor:
    """‖v‖₂, equation 4."""
    return norm(perturbed.magnitudes, 2, over)


def sparsity_loss(perturbed: Perturbed, over: str, factorised: bool) -> Tensor:
    """‖m‖₁, equation 5; ‖v‖₁ without the factorisation (section 5.3)."""
    return norm(perturbed.positions if factorised else perturbed.magnitudes, 1, over)


def quantisation_loss(perturbed: Perturbed, over: str) -> Tensor:
    """‖∂ − m‖₂, equation 6. Positions that the gate left soft add nothing."""
    return norm(perturbed.soft_positions - perturbed.positions.detach(), 2, over)


def paper_losses(perturbed: Perturbed, threshold: Threshold) -> Tensor:
    """λm‖v‖₂ + λs‖m‖₁ + λq‖∂ − m‖₂, equation 7 without its first term."""
    weights = threshold.weights
    return (
        weights.magnitude * magnitude_loss(perturbed, threshold.norms)
        + weights.sparsity * sparsity_loss(perturbed, threshold.norms, threshold.factorise)
        + weights.quantisation * quantisation_loss(perturbed, threshold.norms)
    )
