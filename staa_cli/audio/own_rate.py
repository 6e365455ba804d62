"""A perturbation that was made at 16 kHz, added to a recording at its own rate, to each of its channels."""

from __future__ import annotations

import numpy as np

from staa_cli.audio.files import SAMPLE_RATE, Audio, Samples, as_heard, mean, quantise_adversarial

TRIES = 8


def add_at_own_rate(audio: Audio, adversarial: Samples) -> Samples:
    """What is written in place of the original, `(F, C)` in its subtype's steps and range.

    Resampling moves what a sample was changed by to its neighbours, and may pile it up. So the perturbation is made smaller until nothing
    that is heard at 16 kHz is changed by more than the largest change that was meant: ε holds there. Sparsity does not.

    Args:
        audio: with its original.
        adversarial: `(T,)` x_adv at 16 kHz.
    """
    import soxr

    assert audio.original is not None
    original, delta = audio.original, adversarial - audio.samples
    limit = float(np.abs(delta).max())
    spread = np.zeros(len(original), np.float32)
    resampled = soxr.resample(delta, SAMPLE_RATE, audio.rate)[: len(spread)] if audio.rate != SAMPLE_RATE else delta
    spread[: len(resampled)] = resampled
    scale = 1.0
    for _ in range(TRIES):
        written = added(original, np.float32(scale) * spread, audio.subtype)
        largest = float(np.abs(as_heard(mean(written), audio.rate, audio.subtype, rounded=True) - audio.samples).max())
        if largest <= limit:
            return written
        scale *= 0.99 * limit / largest
    return original


def added(original: Samples, perturbation: Samples, subtype: str) -> Samples:
    """`(F, C)` + `(F,)` within [-1, 1], or the original's own range where that is larger."""
    moved = np.clip(original + perturbation[:, None], np.minimum(original, -1), np.maximum(original, 1))
    return quantise_adversarial(original, moved, subtype)
