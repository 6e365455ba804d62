"""Turning the second decoder's output into a binary mask that still trains (section 3.2.3 of the STAA-Net paper)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Gate = Callable[[Tensor, float, torch.Generator | None], Tensor]


def binarise(soft: Tensor, threshold: float) -> Tensor:
    """m = 1 where ∂ ≥ γ, else 0, without a gradient. `soft`: ∂ in [0, 1], any shape."""
    return (soft >= threshold).to(soft.dtype)


def random_gate(soft: Tensor, threshold: float, generator: torch.Generator | None) -> Tensor:
    """The paper's random quantisation: every element is binarised with probability 0.5, else it stays soft.

    Binarised elements carry no gradient.
    """
    draw = torch.rand(soft.shape, generator=generator, device=soft.device, dtype=soft.dtype)
    return torch.where(draw >= 0.5, binarise(soft, threshold), soft)


def straight_through_gate(soft: Tensor, threshold: float, generator: torch.Generator | None) -> Tensor:
    """Binary forwards, the identity backwards (Bengio, Léonard, Courville, 2013)."""
    return soft + (binarise(soft, threshold) - soft).detach()


def hard_concrete_gate(soft: Tensor, threshold: float, generator: torch.Generator | None) -> Tensor:
    """A stretched binary concrete sample, clipped to [0, 1] (Louizos, Welling, Kingma, ICLR 2018: β = 2/3, stretch −0.1 to 1.1).

    The location is the logit of ∂ shifted so that ∂ = γ is an even chance.
    """
    uniform = torch.rand(soft.shape, generator=generator, device=soft.device, dtype=soft.dtype).clamp(1e-6, 1 - 1e-6)
    location = torch.logit(soft, eps=1e-6) - torch.logit(soft.new_tensor(threshold), eps=1e-6)
    concrete = torch.sigmoid((torch.logit(uniform) + location) / (2 / 3))
    return (concrete * 1.2 - 0.1).clamp(0, 1)


GATES: dict[str, Gate] = {
    "random": random_gate,
    "straight-through": straight_through_gate,
    "hard-concrete": hard_concrete_gate,
}
