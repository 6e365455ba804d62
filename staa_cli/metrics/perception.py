"""How well an attacked utterance is still understood, and how much of the change can be heard at all."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from importlib.util import find_spec

import numpy as np
import soxr
import torch
from numpy.typing import NDArray

from staa_cli.metrics.masking import SAMPLE_RATE, audible_percent

LONGEST_PESQ = 19 * SAMPLE_RATE
"""Its code has room for 50 spurts of speech, each with its pause at least 0.4 s long, and does not look whether there are more."""
SHORTEST_ZIMTOHRLI, ZIMTOHRLI_RATE = SAMPLE_RATE // 2, 48_000
"""Below 0.1 s it writes where it must not."""


def perceive(clean: NDArray[np.float32], adversarial: NDArray[np.float32]) -> dict[str, float | None]:
    """What cannot be scored, an utterance that is too short or silent, is None.

    - `stoi`, `estoi`: short-time objective intelligibility (Taal et al., 2011) and its extended form (Jensen & Taal, 2016), by `pystoi`;
      1 is as intelligible as the original.
    - `audible_percent`: share of the perturbation's energy above the masking threshold; see `masking`.
    - `pesq`, `zimtohrli`: opinion scores from 1 to 5, which is as good as the original, where the extra `perceptual` is installed:
      wideband PESQ (ITU-T P.862.2; at most 4.64) of utterances of up to 19 s, and Zimtohrli (Google, 2025) of those from 0.5 s.

    Args:
        clean, adversarial: `(T,)` at 16 kHz.
    """
    x, delta = (torch.from_numpy(signal).unsqueeze(0) for signal in (clean, adversarial - clean))
    return {
        "stoi": intelligibility(clean, adversarial, extended=False),
        "estoi": intelligibility(clean, adversarial, extended=True),
        "audible_percent": finite(audible_percent(x, delta).item()),
        **{name: score(clean, adversarial) for name, score in PERCEPTUAL.items() if find_spec(name)},
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


def pesq(clean: NDArray[np.float32], adversarial: NDArray[np.float32]) -> float | None:
    from pesq import PesqError
    from pesq import pesq as wideband

    if not clean.any() or len(clean) > LONGEST_PESQ:
        return None
    # As a value, -1 says what an exception would: too short, or no speech.
    score = float(wideband(SAMPLE_RATE, clean, adversarial, "wb", on_error=PesqError.RETURN_VALUES))
    return finite(score) if score >= 1 else None


def zimtohrli(clean: NDArray[np.float32], adversarial: NDArray[np.float32]) -> float | None:
    from zimtohrli import mos_from_signals

    if not clean.any() or len(clean) < SHORTEST_ZIMTOHRLI:
        return None
    return finite(float(mos_from_signals(*(soxr.resample(signal, SAMPLE_RATE, ZIMTOHRLI_RATE) for signal in (clean, adversarial)))))


PERCEPTUAL: dict[str, Callable[[NDArray[np.float32], NDArray[np.float32]], float | None]] = {"pesq": pesq, "zimtohrli": zimtohrli}
"""By the package that each needs."""


def finite(value: float) -> float | None:
    """To six digits, which are the same wherever in memory the samples lie."""
    return round(value, 6) if math.isfinite(value) else None
