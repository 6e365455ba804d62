"""MI-FGSM: steps along the sign of an accumulated gradient (Y. Dong, F. Liao, T. Pang, H. Su, J. Zhu, X. Hu, J. Li, "Boosting Adversarial
Attacks with Momentum", CVPR 2018, algorithm 1), made to transfer: g ← μ · g + ∇ / ‖∇‖₁, δ ← δ + α · sign(g) within its bounds.

Two things may be added. Spectrum simulation (S²I: Y. Long, Q. Zhang, B. Zeng, L. Gao, X. Liu, J. Zhang, J. Song, "Frequency Domain Model
Augmentation for Adversarial Attack", ECCV 2022, their spectrum transformation) lets the threat model hear x_adv through random spectra, as
other models would weigh it. And only the k samples with the largest entries of the first g may move, as in PGD that chooses once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from staa_cli.attacks.core.attack import Attack, Outcome
from staa_cli.attacks.core.tensors import differentiate, normal, uniform
from staa_cli.audio.budget import add_within_range, project
from staa_cli.audio.sparsity import in_units, share_of, top_k_mask
from staa_cli.metrics.margin import margin
from staa_cli.runtime.schema import Strict

Slope = Callable[[Tensor], Tensor]
"""x_adv `(B, T)` → the gradient of what is climbed, `(B, T)`."""


class Spectrum(Strict):
    """How the threat model hears x_adv: as IFFT(FFT(x_adv + noise) · gains). The paper's images have a DCT, and its values are these."""

    copies: int = Field(20, ge=1, description="N: over so many draws a gradient is averaged")
    rho: float = Field(0.5, ge=0, le=1, description="ρ: the gain of each frequency is uniform in 1 ± ρ")
    sigma: float = Field(1.0, ge=0, description="σ: the noise's standard deviation as a share of ε")

    def draw(self, waveforms: Tensor, epsilon: Tensor, random: Sequence[torch.Generator]) -> Tensor:
        """One copy of each utterance, `(B, T)` → `(B, T)`; `epsilon`: `(B, 1)`."""
        noisy = waveforms + self.sigma * epsilon * normal(random, waveforms)
        spectrum = torch.fft.rfft(noisy)
        gains = 1 + self.rho * (2 * uniform(random, spectrum.real) - 1)
        copy: Tensor = torch.fft.irfft(spectrum * gains, n=waveforms.shape[1])
        return copy


class MI(Attack):
    """See the module. The defaults are the paper's, with steps that reach ε together."""

    title: ClassVar = "MI-FGSM"

    steps: int = Field(10, ge=1, description="steps of size α")
    step_size: float = Field(0.1, gt=0, description="α as a share of ε")
    momentum: float = Field(1.0, ge=0, description="μ: how much of the accumulated gradient a step keeps")
    percent: float | None = Field(None, gt=0, le=100, description="k as a share of the utterance: no more samples differ; null: all may")
    loss: Literal["cross-entropy", "margin"] = Field("cross-entropy", description="what is climbed; margin: of C&W, in logits")
    spectrum: Spectrum | None = Field(None, description="spectrum simulation; null: the threat model hears x_adv itself")

    @property
    def label(self) -> str:
        """With what is added."""
        return ("" if self.spectrum is None else "S²I-") + self.title + ("" if self.percent is None else f" {self.percent:g} %")

    @torch.no_grad()
    def perturb(
        self, victim: nn.Module, waveforms: Tensor, reference: Tensor, random: Sequence[torch.Generator], *, targeted: bool, grain: Tensor
    ) -> Outcome:
        """See `Attack.perturb`. The steps are far larger than the grain."""
        epsilon = self.budget.epsilon(waveforms)
        slope = partial(self.slope, victim=victim, reference=reference, targeted=targeted, epsilon=epsilon, random=random)
        accumulated, variance, perturbation = (torch.zeros_like(waveforms) for _ in range(3))
        mask: Tensor | None = None
        for step in range(1, self.steps + 1):
            adversarial = add_within_range(waveforms, perturbation)
            gradient = slope(adversarial)
            tuned = gradient + variance
            accumulated = self.momentum * accumulated + in_units(tuned)
            move = self.step_size * epsilon * accumulated.sign()
            if mask is None:
                room = project(move, waveforms, epsilon) != 0
                mask = top_k_mask(accumulated.abs() * room, share_of(waveforms, self.percent or 100))
            perturbation = project(perturbation + move * mask, waveforms, epsilon)
            if step < self.steps:
                variance = self.variance(gradient, adversarial, slope, epsilon, random)
        return Outcome(add_within_range(waveforms, perturbation))

    def slope(
        self, adversarial: Tensor, victim: nn.Module, reference: Tensor, targeted: bool, epsilon: Tensor, random: Sequence[torch.Generator]
    ) -> Tensor:
        """The gradient of the loss, averaged over the copies that the threat model hears. `(B, T)` → `(B, T)`"""
        total = torch.zeros_like(adversarial)
        with torch.enable_grad():
            for _ in range(1 if self.spectrum is None else self.spectrum.copies):
                leaf = adversarial.detach().requires_grad_()
                logits = victim(leaf if self.spectrum is None else self.spectrum.draw(leaf, epsilon, random))
                if self.loss == "margin":
                    climbed = margin(logits, reference, targeted).sum()
                else:
                    climbed = cross_entropy(logits, reference, reduction="sum") * (-1 if targeted else 1)
                total += differentiate(climbed, leaf)
        return total / (1 if self.spectrum is None else self.spectrum.copies)

    def variance(self, gradient: Tensor, adversarial: Tensor, slope: Slope, epsilon: Tensor, random: Sequence[torch.Generator]) -> Tensor:
        """What the next step adds to its gradient, `(B, T)`: here nothing."""
        return torch.zeros_like(gradient)
