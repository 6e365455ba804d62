"""Voice activity by energy alone: where a recording is silent, and where it may be cut without cutting a word."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np
import soundfile
from numpy.typing import NDArray

HOP = 0.02
"""Seconds: the power is taken over so much."""
QUIET_DB = 40.0
"""A hop is quiet that lies so far below the loudest one."""
PAUSE = 0.5
"""Seconds: quiet for so long is silence."""
MARGIN = 0.1
"""Seconds of a silence that are left to the speech beside it."""

Powers = NDArray[np.float64]


class Span(NamedTuple):
    """Frames of a recording from `start` up to `end`."""

    start: int
    end: int
    silent: bool = False


def hop_of(rate: int) -> int:
    return max(1, round(HOP * rate))


def powers(file: soundfile.SoundFile) -> Powers:
    """The mean square of every hop of the mean of the channels, the last one maybe shorter. The file is read as a stream."""
    hop = hop_of(file.samplerate)
    found = [np.empty(0)]
    while len(block := file.read(1000 * hop, dtype="float32", always_2d=True)):
        squares = block.astype(np.float64).mean(axis=1) ** 2
        starts = np.arange(0, len(squares), hop)
        found.append(np.add.reduceat(squares, starts) / np.diff([*starts, len(squares)]))
    return np.concatenate(found)


def by_energy(power: Powers, frames: int, rate: int, size: int) -> list[Span]:
    """Silence, and speech in spans of at most `size` frames.

    Silence is what stays quiet for at least `PAUSE`, but for a `MARGIN` beside speech. Speech that is longer than `size` is cut where it is
    quietest between a half and a whole `size`, so that a quarter is left.

    Args:
        power: of every hop; see `powers`.
    """
    hop = hop_of(rate)
    most = max(1, size // hop)
    spans: list[Span] = []
    for start, end, silent in stretches(power, round(PAUSE / HOP), round(MARGIN / HOP)):
        while end - start > most:
            if silent:
                cut = start + most
            else:
                earliest, latest = start + max(1, most // 2), min(start + most, end - most // 4)
                cut = earliest + int(power[earliest : max(latest, earliest + 1)].argmin())
            spans.append(Span(start * hop, cut * hop, silent))
            start = cut
        spans.append(Span(start * hop, min(end * hop, frames), silent))
    return spans


def stretches(power: Powers, pause: int, margin: int) -> list[Span]:
    """Silence and speech in turns, in hops."""
    quiet = power < power.max() * 10 ** (-QUIET_DB / 10)
    silent = np.zeros_like(quiet)
    for start, end in runs(quiet):
        if quiet[start] and end - start >= pause:
            silent[start + margin * (start > 0) : end - margin * (end < len(quiet))] = True
    return [Span(start, end, bool(silent[start])) for start, end in runs(silent)]


def runs(flags: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Where equal flags begin and end."""
    edges = [0, *(np.flatnonzero(np.diff(flags)) + 1).tolist(), len(flags)]
    return list(pairwise(edges))
