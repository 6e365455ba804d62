"""What a threat model hears in training in place of the adversarial speech itself."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from staa_cli.generator.recipe import HearRecipe
from staa_cli.victims.augment import augment, uniform

GAIN = 5
"""The stream of a key; the augmentation of victims has the first five."""
WINDOW, HOP = 512, 128
BANDS, MOMENTS = 16, 8
"""Gains are drawn on this coarse a grid of frequency and time, and interpolated."""


def hear(waveforms: Tensor, keys: Tensor, recipe: HearRecipe) -> Tensor:
    """Gains of the spectrum, then what victims are trained with. `(B, T)`, `(B,)` keys of `draw_keys` → `(B, T)`"""
    if recipe.spectral_gain is not None:
        waveforms = gain(waveforms, keys, recipe.spectral_gain)
    return augment(waveforms, keys, recipe)


def gain(waveforms: Tensor, keys: Tensor, spread: float) -> Tensor:
    """Multiply the spectrogram by gains within 1 ± `spread`, smooth over time and frequency (after Y. Long et al., ECCV 2022)."""
    window = torch.hann_window(WINDOW, device=waveforms.device)
    spectrogram = torch.stft(waveforms, WINDOW, HOP, window=window, return_complex=True)
    coarse = 1 + spread * (2 * uniform(keys, GAIN, BANDS * MOMENTS).unflatten(1, (1, BANDS, MOMENTS)) - 1)
    gains = interpolate(coarse, size=spectrogram.shape[1:], mode="bilinear", align_corners=True)[:, 0]
    return torch.istft(spectrogram * gains, WINDOW, HOP, window=window, length=waveforms.shape[1])
