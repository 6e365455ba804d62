"""Adam for utterances that may leave one by one: D. Kingma, J. Ba, ICLR 2015."""

from __future__ import annotations

import torch
from torch import Tensor

MOMENTS = (0.9, 0.999)
"""β₁ and β₂."""


class Adam:
    """The moments of A utterances.

    Args:
        like: `(A, T)`, what will be moved.
    """

    def __init__(self, like: Tensor) -> None:
        self.mean, self.square, self.count = torch.zeros_like(like), torch.zeros_like(like), 0

    def step(self, values: Tensor, gradient: Tensor, rate: float) -> Tensor:
        """One step downhill, all `(A, T)`."""
        self.count += 1
        first, second = MOMENTS
        self.mean.lerp_(gradient, 1 - first)
        self.square.lerp_(gradient.square(), 1 - second)
        scale = (self.square / (1 - second**self.count)).sqrt_().add_(1e-8)
        return values.addcdiv(self.mean, scale, value=-rate / (1 - first**self.count))

    def keep(self, running: Tensor) -> None:
        """Forget those who leave; `running`: an `(A,)` mask."""
        self.mean, self.square = self.mean[running], self.square[running]
