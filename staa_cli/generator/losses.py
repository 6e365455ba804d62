"""The four losses of STAA-Net (section 3.3 of the paper)."""

from __future__ import annotations

import torch
from torch import Tensor

from staa_cli.generator.recipe import Threshold
from staa_cli.generator.staa_net import Perturbed
from staa_cli.metrics.margin import margin
from staa_cli.runtime.parallel import ALONE, World


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


def norm(values: Tensor, order: int, over: str, world: World = ALONE) -> Tensor:
    """‖values‖ of `(B, T)`: the mean of the utterances' norms (`utterance`), or of the whole batch as one vector (`batch`, as released).

    Args:
        world: the processes that share the batch. Of the first the mean is over this process's part; the second one is the same in all.
    """
    if over == "batch":
        # The norm of the parts' norms.
        whole: Tensor = torch.linalg.vector_norm(world.each(torch.linalg.vector_norm(values, order)), order)
        return whole
    rows: Tensor = torch.linalg.vector_norm(values, order, dim=1)
    return rows.mean()


def magnitude_loss(perturbed: Perturbed, over: str, world: World = ALONE) -> Tensor:
    """‖v‖₂, equation 4."""
    return norm(perturbed.magnitudes, 2, over, world)


def sparsity_loss(perturbed: Perturbed, over: str, factorised: bool, world: World = ALONE) -> Tensor:
    """‖m‖₁, equation 5; ‖v‖₁ without the factorisation (section 5.3)."""
    return norm(perturbed.positions if factorised else perturbed.magnitudes, 1, over, world)


def quantisation_loss(perturbed: Perturbed, over: str, world: World = ALONE) -> Tensor:
    """‖∂ − m‖₂, equation 6. Positions that the gate left soft add nothing."""
    return norm(perturbed.soft_positions - perturbed.positions.detach(), 2, over, world)


def paper_losses(perturbed: Perturbed, threshold: Threshold, world: World = ALONE) -> Tensor:
    """λm‖v‖₂ + λs‖m‖₁ + λq‖∂ − m‖₂, equation 7 without its first term.

    Args:
        world: the processes that share the batch. The mean over them, each weighed by the size of its part, is that of the batch.
    """
    weights, norms = threshold.weights, threshold.norms
    return (
        weights.magnitude * magnitude_loss(perturbed, norms, world)
        + weights.sparsity * sparsity_loss(perturbed, norms, threshold.factorise, world)
        + weights.quantisation * quantisation_loss(perturbed, norms, world)
    )
