"""The budget ε: how far a sample of the waveform may move."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Budget:
    """An ℓ∞ budget, absolute or relative to each utterance's peak. Exactly one of the two is set.

    Attributes:
        linf: ε on the waveform in [-1, 1], as in the STAA-Net paper (0.05 on DEMoS, 0.01 on IEMOCAP).
        peak_snr_db: ε = max|x| · 10^(−dB/20) for every utterance, so that quiet and loud recordings are disturbed alike.
    """

    linf: float | None = None
    peak_snr_db: float | None = None

    def __post_init__(self) -> None:
        if (self.linf is None) == (self.peak_snr_db is None):
            raise ValueError("a budget has either 'linf' or 'peak_snr_db'")

    def epsilon(self, waveforms: Tensor) -> Tensor:
        """ε per utterance. `waveforms`: `(B, T)`. Returns: `(B, 1)`."""
        if self.linf is not None:
            return waveforms.new_full((waveforms.shape[0], 1), self.linf)
        assert self.peak_snr_db is not None
        return waveforms.abs().amax(dim=1, keepdim=True) * 10 ** (-self.peak_snr_db / 20)


def add_within_range(waveforms: Tensor, perturbation: Tensor) -> Tensor:
    """x_adv = clip(x + δ, −1, 1). A sample with δ = 0 keeps its value, also one that already lies outside.

    Args:
        waveforms: `(B, T)` x.
        perturbation: `(B, T)` δ.
    """
    lower = waveforms.clamp(max=-1)
    upper = waveforms.clamp(min=1)
    return torch.maximum(torch.minimum(waveforms + perturbation, upper), lower)
