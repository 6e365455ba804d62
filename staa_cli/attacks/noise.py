"""The placebo as an attacker of its own: random signs of size ε on random samples. What it fools, anything fools."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from staa_cli.attacks.core.attack import Attack, Needs, Outcome
from staa_cli.attacks.core.tensors import uniform
from staa_cli.audio.budget import add_within_range, project
from staa_cli.audio.sparsity import share_of, top_k_mask


class Noise(Attack):
    """See the module. It asks the victim nothing."""

    title: ClassVar = "Noise"
    needs: ClassVar[Needs] = "nothing"

    percent: float = Field(100.0, gt=0, le=100, description="k as a share of the utterance; at least one sample")

    @property
    def label(self) -> str:
        """With the share of samples that change."""
        return f"{self.title} {self.percent:g} %"

    @torch.no_grad()
    def perturb(
        self, victim: nn.Module, waveforms: Tensor, reference: Tensor, random: Sequence[torch.Generator], *, targeted: bool, grain: Tensor
    ) -> Outcome:
        """See `Attack.perturb`."""
        epsilon = self.budget.epsilon(waveforms)
        mask = top_k_mask(uniform(random, waveforms), share_of(waveforms, self.percent))
        signs = torch.where(uniform(random, waveforms) < 0.5, -1.0, 1.0)
        perturbation = project(epsilon * signs * mask, waveforms, epsilon)
        return Outcome(add_within_range(waveforms, perturbation))
