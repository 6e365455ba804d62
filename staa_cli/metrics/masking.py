"""What of a perturbation lies above the threshold below which speech masks it: psychoacoustic model 1 of ISO/IEC 11172-3, annex D.1.

The grid is that of layer II at 32 kHz, lines 31.25 Hz apart: 512 samples at 16 kHz. Levels: the loudest line of an utterance stands for
96 dB, as if a listener had turned it up as far as one does (Qin et al., ICML 2019, do the same).
"""

from __future__ import annotations

import torch
from torch import Tensor

SAMPLE_RATE, FFT, LOUDEST_DB = 16_000, 512, 96.0
FLOOR_DB = -200.0
TONAL_DB = 7.0
"""A tonal line is so much louder than its neighbours."""
NEIGHBOURS = ((3, 63, 2), (63, 127, 3), (127, FFT // 2 - 6, 6))
"""From line, to line, and how far the neighbours reach that a tonal line is compared with, from 2."""


def threshold_in_quiet(hertz: Tensor) -> Tensor:
    """What is just heard where there is nothing else, in dB: Terhardt's formula (1979), of which the standard prints the values."""
    khz = hertz.clamp(min=20.0).double() / 1000
    return 3.64 * khz**-0.8 - 6.5 * torch.exp(-0.6 * (khz - 3.3) ** 2) + 1e-3 * khz**4


def bark(hertz: Tensor) -> Tensor:
    """Frequency in critical bands (Zwicker & Terhardt, 1980)."""
    return 13 * torch.atan(0.00076 * hertz.double()) + 3.5 * torch.atan((hertz.double() / 7500) ** 2)


def audible_percent(waveforms: Tensor, perturbation: Tensor) -> Tensor:
    """Share of the perturbation's energy in lines that are above the threshold, in percent; NaN where nothing is changed or heard.

    Args:
        waveforms, perturbation: `(B, T)` x and δ at 16 kHz; a shorter one than a frame is filled with zeros.

    Returns:
        `(B,)` float64.
    """
    power, change = spectrum(waveforms), spectrum(perturbation)
    shares = []
    for mine, theirs in zip(power, change, strict=True):
        loudest = mine.max()
        shift = LOUDEST_DB - 10 * torch.log10(loudest)
        heard = decibels(theirs) + shift > masking_threshold(decibels(mine) + shift)
        shares.append(100 * (theirs * heard).sum() / theirs.sum() if loudest > 0 else theirs.sum() * torch.nan)
    return torch.stack(shares)


def spectrum(waveforms: Tensor) -> Tensor:
    """`(B, T)` → `(B, F, FFT // 2 + 1)` power of Hann frames that overlap by half."""
    sound = torch.nn.functional.pad(waveforms.double(), (0, max(0, FFT - waveforms.shape[1])))
    window = torch.hann_window(FFT, dtype=sound.dtype, device=sound.device)
    frames = torch.stft(sound, FFT, FFT // 2, window=window, return_complex=True, pad_mode="constant")
    return frames.abs().square().transpose(1, 2)


def decibels(power: Tensor) -> Tensor:
    return 10 * torch.log10(power.clamp(min=10 ** (FLOOR_DB / 10)))


def masking_threshold(levels: Tensor) -> Tensor:
    """The global threshold of each frame. `(F, FFT // 2 + 1)` dB → the same."""
    lines = torch.arange(levels.shape[1], device=levels.device)
    hertz = lines * (SAMPLE_RATE / FFT)
    quiet, place = threshold_in_quiet(hertz), bark(hertz)
    power = 10 ** (levels / 10)
    tonal = tonal_lines(levels)
    # A tonal masker has the energy of its line and both neighbours; noise maskers have what is left of each critical band.
    maskers = torch.where(tonal, power + shifted(power, 1) + shifted(power, -1), 0.0)
    near = tonal | shifted(tonal, 1) | shifted(tonal, -1)
    noise = torch.zeros_like(power)
    left = torch.where(near, 0.0, power)
    bands = place.floor().long()
    for band in bands.unique():
        members = (bands == band).nonzero().squeeze(1)
        middle = members[len(members) // 2]
        noise[:, middle] = left[:, members].sum(dim=1)
    total = 10 ** (quiet / 10).expand_as(power).clone()
    for strength, tonality in ((maskers, True), (noise, False)):
        strength = drop_weak(strength, quiet, place, tonality)
        frame, line = strength.nonzero(as_tuple=True)
        level = 10 * torch.log10(strength[frame, line])
        total.index_add_(0, frame, 10 ** (spread(level, place[line], place, tonality) / 10))
    return decibels(total)


def tonal_lines(levels: Tensor) -> Tensor:
    """Local maxima that stand out from lines two and more away. `(F, K)` dB → bool."""
    found = torch.zeros_like(levels, dtype=torch.bool)
    peak = (levels > shifted(levels, 1, FLOOR_DB)) & (levels >= shifted(levels, -1, FLOOR_DB))
    for first, last, reach in NEIGHBOURS:
        stands = peak.clone()
        for step in range(2, reach + 1):
            stands &= (levels >= shifted(levels, step, FLOOR_DB) + TONAL_DB) & (levels >= shifted(levels, -step, FLOOR_DB) + TONAL_DB)
        found[:, first:last] = stands[:, first:last]
    return found


def shifted(values: Tensor, steps: int, fill: float = 0) -> Tensor:
    """Each line's neighbour `steps` below it, or above where negative."""
    moved = torch.roll(values, steps, dims=1)
    edge = moved[:, :steps] if steps > 0 else moved[:, steps:]
    edge.fill_(fill)
    return moved


def drop_weak(strength: Tensor, quiet: Tensor, place: Tensor, tonality: bool) -> Tensor:
    """Maskers that are heard; of tonal ones within half a critical band the strongest."""
    kept = torch.where(strength >= 10 ** (quiet / 10), strength, 0.0)
    if not tonality:
        return kept
    near = (place[:, None] - place[None, :]).abs() < 0.5
    strongest = torch.stack([kept[:, members].amax(dim=1) for members in near], dim=1)
    return torch.where(kept >= strongest, kept, 0.0)


def spread(level: Tensor, masker: Tensor, place: Tensor, tonality: bool) -> Tensor:
    """What each masker masks around it: `(M,)` dB and bark of maskers, `(K,)` bark of lines → `(M, K)` dB."""
    index = -1.525 - (0.275 * masker + 4.5 if tonality else 0.175 * masker + 0.5)
    distance, loud = place[None, :] - masker[:, None], level[:, None]
    slope = torch.where(distance < -1, 17 * (distance + 1) - (0.4 * loud + 6), (0.4 * loud + 6) * distance)
    slope = torch.where(distance >= 0, -17 * distance, slope)
    slope = torch.where(distance >= 1, -(distance - 1) * (17 - 0.15 * loud) - 17, slope)
    return torch.where((distance >= -3) & (distance < 8), loud + index[:, None] + slope, FLOOR_DB)
