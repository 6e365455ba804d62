"""Turning the second decoder's output into a binary mask that still trains (section 3.2.3 of the STAA-Net paper)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Gate = Callable[[Tensor, float, Tensor | None], Tensor]


def binarise(soft: Tensor, threshold: float) -> Tensor:
    """m = 1 where ∂ ≥ γ, else 0, without a gradient. `soft`: ∂ in [0, 1], any shape."""
    return (soft >= threshold).to(soft.dtype)


def random_gate(soft: Tensor, threshold: float, draws: Tensor | None) -> Tensor:
    """The paper's random quantisation: every element is binarised with probability 0.5, else it stays soft.

    Binarised elements carry no gradient. `draws`: uniform in [0, 1), of the same shape.
    """
    assert draws is not None
    return torch.where(draws >= 0.5, binarise(soft, threshold), soft)


def straight_through_gate(soft: Tensor, threshold: float, draws: Tensor | None) -> Tensor:
    """Binary forwards, the identity backwards (Bengio, Léonard, Courville, 2013)."""
    return soft + (binarise(soft, threshold) - soft).detach()


GATES: dict[str, Gate] = {"random": random_gate, "straight-through": straight_through_gate}


def largest(logits: Tensor, counts: Tensor) -> tuple[Tensor, Tensor]:
    """∂ and m: m is 1 at the k highest logits of each row and at those equal to the last of them, else 0; backwards it is ∂.

    ∂ = (tanh + 1) / 2 of the logits, in standard deviations from the k-th: the gradient is with the samples that are nearly in or nearly
    out, and however far the logits grow, it does not vanish. Of plain logits ∂ is soon 0 or 1 everywhere, and the ranking learns no more.

    Args:
        logits: `(B, T)`.
        counts: `(B,)` k of each row, int64, 1 to T.
    """
    # Centred: what raises all logits alike changes no rank, and must not look as if it opened more positions.
    spread = logits - logits.mean(dim=1, keepdim=True)
    spread = spread / spread.std(dim=1, keepdim=True, correction=0).clamp(min=1e-6)
    last = spread.detach().sort(dim=1, descending=True).values.gather(1, counts.unsqueeze(1) - 1)
    soft = ((spread - last).tanh() + 1) / 2
    return soft, soft + ((spread >= last).to(soft.dtype) - soft).detach()
