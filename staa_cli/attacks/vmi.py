"""VMI-FGSM: MI-FGSM whose gradient is tuned by its variance (X. Wang, K. He, "Enhancing the Transferability of Adversarial Attacks through
Variance Tuning", CVPR 2021, algorithm 1): to the gradient of a step is added how much the mean gradient around the last place, at uniform
draws from the ball of β · ε, differed from the one there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from staa_cli.attacks.core.tensors import uniform
from staa_cli.attacks.mi import MI, Slope


class VMI(MI):
    """See the module. A step costs `neighbours` + 1 gradients, each of as many passes as there are copies of the spectrum."""

    title: ClassVar = "VMI-FGSM"

    neighbours: int = Field(20, ge=1, description="N: so many draws around the last place")
    radius: float = Field(1.5, gt=0, description="β: how far they may lie, as a share of ε")

    def variance(self, gradient: Tensor, adversarial: Tensor, slope: Slope, epsilon: Tensor, random: Sequence[torch.Generator]) -> Tensor:
        """The mean gradient of the neighbours less the one in their middle (the paper's gradient variance). All `(B, T)`."""
        around = torch.zeros_like(gradient)
        for _ in range(self.neighbours):
            around += slope(adversarial + self.radius * epsilon * (2 * uniform(random, adversarial) - 1))
        return around / self.neighbours - gradient
