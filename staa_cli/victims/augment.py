"""Augmentation of training utterances, batched on the device that trains.

What is drawn for an utterance depends on its key alone, that is on seed, epoch and file: neither its batch, nor the number of earlier
draws, nor the device or the process matters. Resuming and sharing the work among processes change nothing. torch has no generator that
takes one seed for each row of a batch, so numbers come from an integer hash of (key, position), a counter-based generator as in
J. Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import log

import torch
from torch import Tensor

from staa_cli.audio.files import SAMPLE_RATE
from staa_cli.runtime.seeds import derive_seed
from staa_cli.victims.recipe import AugmentRecipe

LOW = 0xFFFFFFFF
SHIFT, SNR, NOISE, TIME, FREQUENCY = range(5)
"""The streams of one key."""


def draw_keys(seed: int, epoch: int, files: Sequence[str]) -> Tensor:
    """One key for each utterance of an epoch in the order drawn, `(N,)` int64; a file drawn twice (balanced sampling) gets two."""
    times: Counter[str] = Counter()
    keys = []
    for file in files:
        keys.append(derive_seed(seed, "augment", epoch, file, times[file]))
        times[file] += 1
    return torch.tensor(keys, dtype=torch.int64)


def mix(numbers: Tensor) -> Tensor:
    """Scatter 32-bit integers (in int64) over all 32-bit integers, in place. T. Mueller's hash: its factor never overflows int64."""
    for _ in range(2):
        numbers.bitwise_xor_(numbers >> 16).mul_(0x119DE1F3).bitwise_and_(LOW)
    return numbers.bitwise_xor_(numbers >> 16)


def uniform(keys: Tensor, stream: int, count: int) -> Tensor:
    """`(B, count)` float32 in (0, 1), both ends excluded."""
    low, high = keys & LOW, keys >> 32
    start = mix(low ^ mix(torch.full_like(keys, stream + 1)))
    numbers = mix(torch.arange(count, device=keys.device) ^ start[:, None])
    numbers = mix(numbers.bitwise_xor_(high[:, None]))
    return ((numbers >> 9).float() + 0.5) / 2**23


def normal(keys: Tensor, stream: int, count: int) -> Tensor:
    """`(B, count)` float32, standard normal (Box and Muller)."""
    first, second = uniform(keys, stream, 2 * -(-count // 2)).chunk(2, dim=1)
    radius, angle = (-2 * first.log()).sqrt(), 2 * torch.pi * second
    return torch.cat([radius * angle.cos(), radius * angle.sin()], dim=1)[:, :count]


def augment(waveforms: Tensor, keys: Tensor, recipe: AugmentRecipe) -> Tensor:
    """Shift, then noise, then masks, each where the recipe names it.

    Args:
        waveforms: `(B, T)` in [-1, 1].
        keys: `(B,)` int64 of `draw_keys`, on the same device.

    Returns:
        `(B, T)`, not clipped: victims z-score what they hear.
    """
    if recipe.shift is not None:
        waveforms = shift(waveforms, keys, recipe.shift)
    if recipe.noise_snr_db is not None:
        lowest, highest = recipe.noise_snr_db
        waveforms = add_noise(waveforms, keys, lowest, highest)
    if recipe.frequency_mask is not None:
        waveforms = mask_frequencies(waveforms, keys, recipe.frequency_mask)
    if recipe.time_mask is not None:
        waveforms = mask_time(waveforms, keys, recipe.time_mask)
    return waveforms


def shift(waveforms: Tensor, keys: Tensor, seconds: float) -> Tensor:
    """Roll each utterance by up to `seconds` in either direction."""
    steps = ((2 * uniform(keys, SHIFT, 1) - 1) * seconds * SAMPLE_RATE).round().long()
    length = waveforms.shape[1]
    return waveforms.gather(1, (torch.arange(length, device=waveforms.device) - steps) % length)


def add_noise(waveforms: Tensor, keys: Tensor, lowest: float, highest: float) -> Tensor:
    """White Gaussian noise at an energy SNR uniform in [lowest, highest] dB. Silence stays silence."""
    ratio = lowest + (highest - lowest) * uniform(keys, SNR, 1)
    noise = normal(keys, NOISE, waveforms.shape[1])
    level = waveforms.square().mean(dim=1, keepdim=True).sqrt() / noise.square().mean(dim=1, keepdim=True).sqrt()
    return waveforms + noise * level * 10 ** (-ratio / 20)


def span(keys: Tensor, stream: int, widest: float) -> tuple[Tensor, Tensor]:
    """Begin and end, `(B, 1)` each, of a span in [0, 1], its width uniform in (0, widest), its place uniform."""
    width, place = uniform(keys, stream, 2).split(1, dim=1)
    begin = place * (1 - widest * width)
    return begin, begin + widest * width


def mask_time(waveforms: Tensor, keys: Tensor, widest: float) -> Tensor:
    """Silence one stretch: SpecAugment's time mask (D. Park et al., Interspeech 2019) on the waveform, for victims of any input."""
    begin, end = span(keys, TIME, widest)
    position = torch.arange(waveforms.shape[1], device=waveforms.device) / waveforms.shape[1]
    return waveforms.masked_fill((position >= begin) & (position < end), 0.0)


def mask_frequencies(waveforms: Tensor, keys: Tensor, widest: float) -> Tensor:
    """Remove one band of the spectrum, its width and place on the Mel scale: SpecAugment's frequency mask on the waveform."""
    length = waveforms.shape[1]
    spectrum = torch.fft.rfft(waveforms)
    hertz = torch.arange(spectrum.shape[1], device=waveforms.device) * (SAMPLE_RATE / length)
    mel = (1 + hertz / 700).log() / log(1 + SAMPLE_RATE / 2 / 700)
    begin, end = span(keys, FREQUENCY, widest)
    masked: Tensor = torch.fft.irfft(spectrum.masked_fill((mel >= begin) & (mel < end), 0.0), n=length)
    return masked
