"""Sounds that another class may be given to, for attacks that start beyond the boundary.

They come from the utterance and its own random stream alone: so neither its batch nor the list of files matters. White noise would not do:
a victim that hears one class in it hears that class in all of it.
"""

from __future__ import annotations

import torch
from torch import Tensor

from staa_cli.attacks.core.goal import Problem
from staa_cli.attacks.core.tensors import uniform

HARMONICS = 20


def sounds(problem: Problem, number: int) -> Tensor:
    """The `number`th try of every utterance, `(A, T)`: in turn the own voice, distorted, and a buzz; as loud as x, or as ε."""
    draws = uniform(problem.random, problem.waveforms[:, :4])
    draws = torch.nn.functional.pad(draws, (0, 4 - draws.shape[1]))
    made = distorted(problem.waveforms, draws) if number % 2 == 0 else buzz(problem.waveforms, draws)
    peak = torch.maximum(problem.waveforms.abs().amax(dim=1, keepdim=True), problem.epsilon)
    return made * (peak / made.abs().amax(dim=1, keepdim=True).clamp(min=1e-12))


def distorted(waveforms: Tensor, draws: Tensor) -> Tensor:
    """At half to twice the speed, forwards or backwards, darker or brighter.

    Args:
        waveforms: `(A, T)`.
        draws: `(A, 4)` in [0, 1).
    """
    count = waveforms.shape[1]
    places = torch.arange(count, device=waveforms.device, dtype=waveforms.dtype) * 2 ** (2 * draws[:, :1] - 1) % count
    left = places.long().clamp(max=count - 1)
    share = places - left
    played = (1 - share) * waveforms.gather(1, left) + share * waveforms.gather(1, (left + 1) % count)
    played = torch.where(draws[:, 1:2] < 0.5, played.flip(1), played)
    spectrum = torch.fft.rfft(played)
    # A tilt of −6 to 6 dB an octave, flat at the lowest frequencies.
    scale = torch.linspace(0, 1, spectrum.shape[1], device=waveforms.device, dtype=waveforms.dtype) + 1 / 160
    tilted: Tensor = torch.fft.irfft(spectrum * scale ** (2 * draws[:, 2:3] - 1), n=count)
    return tilted


def buzz(waveforms: Tensor, draws: Tensor) -> Tensor:
    """A voice-like tone: harmonics of 100 to 800 Hz at 16 kHz, louder and softer a few times a second. As `distorted`."""
    time = torch.arange(waveforms.shape[1], device=waveforms.device, dtype=waveforms.dtype) / 16_000
    phase = 2 * torch.pi * 100 * 8 ** draws[:, :1] * time
    made = torch.zeros_like(waveforms)
    for harmonic in range(1, HARMONICS + 1):
        made += (harmonic * phase).sin() * harmonic ** (-2 * draws[:, 1:2])
    return made * (1 + (2 * torch.pi * (1 + 5 * draws[:, 2:3]) * time).cos())
