"""How a prediction stands to the class that an attack leaves or wants."""

from __future__ import annotations

import torch
from torch import Tensor


def reached(logits: Tensor, reference: Tensor, targeted: bool) -> Tensor:
    """Whether the prediction has left `reference`, or is it where `targeted`. `(B, K)`, `(B,)` → `(B,)`."""
    return (logits.argmax(dim=1) == reference) == targeted


def margin(logits: Tensor, reference: Tensor, targeted: bool) -> Tensor:
    """max_{i≠y} f_i − f_y for the class y to leave, its negative for the one to reach: positive beyond the boundary.

    Args:
        logits: `(B, K)`.
        reference: `(B,)` the class y.

    Returns:
        `(B,)`; with a single class infinite.
    """
    index = reference.unsqueeze(1)
    others = logits.scatter(1, index, -torch.inf).amax(dim=1) - logits.gather(1, index).squeeze(1)
    return -others if targeted else others
