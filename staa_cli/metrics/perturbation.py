"""How much of an utterance an attack changed, and how loudly.

All functions take `(B, T)` waveforms x and perturbations δ = x_adv − x and return `(B,)` in float64. A ratio with nothing to
compare (no signal or no perturbation) is infinite or NaN; JSON writers turn both into null.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import pad


def sparsity_percent(perturbation: Tensor) -> Tensor:
    """Share of samples where δ ≠ 0, in percent; lower is sparser, as in the STAA-Net paper."""
    return 100 * (perturbation.count_nonzero(dim=1).double() / perturbation.shape[1])


def linf(perturbation: Tensor) -> Tensor:
    """max|δ|."""
    return perturbation.abs().amax(dim=1).double()


def snr_peak_db(waveforms: Tensor, perturbation: Tensor) -> Tensor:
    """20·log10(max|x| / max|δ|), section 4.3 of the STAA-Net paper."""
    return 20 * torch.log10(waveforms.abs().amax(dim=1).double() / linf(perturbation))


def snr_energy_db(waveforms: Tensor, perturbation: Tensor) -> Tensor:
    """10·log10(Σx² / Σδ²)."""
    return 10 * torch.log10(waveforms.double().square().sum(dim=1) / perturbation.double().square().sum(dim=1))


def snr_segmental_db(waveforms: Tensor, perturbation: Tensor, frame: int = 320) -> Tensor:
    """Mean energy SNR of 20 ms frames, each limited to −10…35 dB (Hansen & Pellom, ICSLP 1998).

    Frames without a perturbation count as 35 dB, as an imperceptible part of the utterance should; the last, shorter frame is
    filled with zeros. NaN for an utterance without a perturbation.
    """
    frames = -(-waveforms.shape[1] // frame)
    padding = frames * frame - waveforms.shape[1]

    def energies(signal: Tensor) -> Tensor:
        return pad(signal.double(), (0, padding)).reshape(-1, frames, frame).square().sum(dim=2)

    ratios = (10 * torch.log10(energies(waveforms) / energies(perturbation))).nan_to_num(nan=35.0).clamp(-10, 35)
    return torch.where((perturbation != 0).any(dim=1), ratios.mean(dim=1), torch.nan)
