"""How well an attacked utterance is still understood, and how much of the change can be heard at all."""

from __future__ import annotations

import math
import warnings

import numpy as np
import torch
from numpy.typing import NDArray

from staa_cli.metrics.masking import SAMPLE_RATE, audible_percent

MEASURES = ("stoi", "estoi", "audible_percent")


def perceive(clean: NDArray[np.float32], adversarial: NDArray[np.float32]) -> dict[str, float | None]:
    """What cannot be scored, an utterance that is too short or silent, is None.

    - `stoi`, `estoi`: short-time objective intelligibility (Taal et al., 2011) and its extended form (Jensen & Taal, 2016), by `pystoi`;
      1 is as intelligible as the original.
    - `audible_percent`: share of the perturbation's energy above the masking threshold; see `masking`.

    Args:
        clean, adversarial: `(T,)` at 16 kHz.
    """
    x, delta = (torch.from_numpy(signal).unsqueeze(0) for signal in (clean, adversarial - clean))
    return {
        "stoi": intelligibility(clean, adversarial, extended=False),
        "estoi": intelligibility(clean, adversarial, extended=True),
        "audible_percent": finite(audible_percent(x, delta).item()),
    }


def intelligibility(clean: NDArray[np.float32], adversarial: NDArray[np.float32], extended: bool) -> float | None:
    from pystoi import stoi

    if not clean.any():
        return None
    with warnings.catch_warnings():
        # pystoi warns and gives 1e-5 where too little speech is left to score.
        warnings.simplefilter("error", RuntimeWarning)
        try:
            return finite(float(stoi(clean, adversarial, SAMPLE_RATE, extended=extended)))
        except (RuntimeWarning, ValueError):
            return None


def finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
