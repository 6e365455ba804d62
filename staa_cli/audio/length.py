"""Bringing utterances to one length."""

from __future__ import annotations

from torch import Tensor


def repeat_or_cut(samples: Tensor, length: int) -> Tensor:
    """Repeat a short waveform and cut a long one (section 4.3 of the STAA-Net paper).

    Args:
        samples: `(..., T)` with T ≥ 1.
        length: the samples wanted, at least 1.

    Returns:
        `(..., length)`
    """
    size = samples.shape[-1]
    if size < length:
        repeats = -(-length // size)
        samples = samples.repeat(*[1] * (samples.dim() - 1), repeats)
    return samples[..., :length]
