"""STAA-Net: one forward pass from an utterance to a sparse adversarial utterance."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from staa_cli.audio.budget import Budget, add_within_range
from staa_cli.generator.positions import GATES, binarise
from staa_cli.generator.wave_unet import WaveUNet


@dataclass
class Perturbed:
    """What one forward pass yields; all tensors `(B, T)`.

    Attributes:
        adversarial: x_adv = clip(x + v ⊗ m, −1, 1).
        magnitudes: v, within ±ε.
        positions: m; binary in evaluation mode, partly soft in training mode.
        soft_positions: ∂ = (tanh + 1) / 2, in [0, 1].
    """

    adversarial: Tensor
    magnitudes: Tensor
    positions: Tensor
    soft_positions: Tensor


class STAANet(nn.Module):
    """The generator of the STAA-Net paper (section 3.2).

    Args:
        size: `small`, `base` or `large` (released).
        budget: the ε-ball of the magnitudes.
        classes: K > 0 conditions the generator on the threat model's clean prediction (ours); 0 is the paper's form.
        gate: how positions are quantised in training, a key of `GATES`.
        threshold: γ.
        bound: how v is kept within ±ε: `clip` (the paper) or `tanh`.
        factorise: without it there is no mask, δ = v (the paper's first ablation).

    Shape:
        waveforms `(B, T)` in [-1, 1], predictions `(B,)` → `Perturbed`; T ≥ 1.
    """

    def __init__(
        self,
        size: str,
        budget: Budget,
        *,
        classes: int = 0,
        gate: str = "random",
        threshold: float = 0.5,
        bound: str = "clip",
        factorise: bool = True,
    ) -> None:
        super().__init__()
        self.budget, self.gate, self.threshold, self.bound = budget, GATES[gate], threshold, bound
        self.network = WaveUNet(size, decoders=2 if factorise else 1, classes=classes)
        if factorise:
            # Begin with a dense mask: magnitudes under an empty one get no gradient and never learn.
            nn.init.ones_(self.network.decoders[1].get_parameter("output.bias"))

    def forward(self, waveforms: Tensor, predictions: Tensor | None = None, generator: torch.Generator | None = None) -> Perturbed:
        """`generator` draws the training gate's random numbers; it is not used in evaluation mode."""
        epsilon = self.budget.epsilon(waveforms)
        # The network sees every utterance at the same level; what it returns is scaled by ε, so loudness cannot change the attack.
        peak = waveforms.abs().amax(dim=1, keepdim=True)
        outputs = self.network(waveforms / (peak + 1e-8), predictions)
        magnitudes = epsilon * (outputs[0].clamp(-1, 1) if self.bound == "clip" else outputs[0].tanh())
        if len(outputs) == 1:
            soft = positions = torch.ones_like(magnitudes)
        else:
            soft = (outputs[1].tanh() + 1) / 2
            positions = self.gate(soft, self.threshold, generator) if self.training else binarise(soft, self.threshold)
        return Perturbed(add_within_range(waveforms, magnitudes * positions), magnitudes, positions, soft)
