"""What `prepare` may do to a waveform on request: trim its silence, set its loudness, bring it to one length."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from staa_cli.audio.files import SAMPLE_RATE, Samples

FRAME = SAMPLE_RATE // 100
"""10 ms."""


def trim_silence(samples: Samples, below_db: float) -> Samples:
    """Drop the frames at the start and at the end whose energy lies more than `below_db` under that of the loudest one.

    Args:
        samples: `(T,)`; silence throughout is left as it is.

    Returns:
        `(T',)` with T' ≥ 1.
    """
    frames = np.add.reduceat(samples.astype(np.float64) ** 2, np.arange(0, len(samples), FRAME))
    loud = np.flatnonzero(frames >= frames.max() * 10 ** (-below_db / 10))
    return samples[loud[0] * FRAME : (loud[-1] + 1) * FRAME]


def level(samples: Samples, measure: str) -> float:
    """`peak_dbfs` or `rms_dbfs` as an amplitude; 1.0 is full scale (a square wave's RMS)."""
    peak = np.abs(samples).max() if measure == "peak_dbfs" else np.sqrt(np.mean(samples.astype(np.float64) ** 2))
    return float(peak)


def set_loudness(samples: Samples, measure: str, dbfs: float) -> tuple[Samples, bool]:
    """Scale `(T,)` samples to a level in dB of full scale. Silence stays silent.

    Returns:
        The samples, and whether the gain was held back because a sample would have clipped.
    """
    now = level(samples, measure)
    if now == 0:
        return samples, False
    gain, most = 10 ** (dbfs / 20) / now, 1 / level(samples, "peak_dbfs")
    scaled: NDArray[np.float32] = (samples * min(gain, most)).astype(np.float32)
    return scaled, gain > most * (1 + 1e-6)


def unify(samples: Samples, seconds: float | None, longer: str) -> list[Samples]:
    """Bring `(T,)` samples to one length by repeating what is shorter (section 4.3 of the STAA-Net paper).

    Args:
        seconds: the length; None keeps the native one.
        longer: `cut` keeps the start of what is longer, `split` makes pieces of it, the last one repeated.
    """
    if seconds is None:
        return [samples]
    length = max(1, round(seconds * SAMPLE_RATE))
    pieces = [samples[start : start + length] for start in range(0, len(samples) if longer == "split" else 1, length)]
    return [np.resize(piece, length) for piece in pieces]
