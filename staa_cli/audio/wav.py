"""WAVs of a known length: rounding to their integers, their header, and their samples as bytes, also in the middle of a file."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from staa_cli.runtime.folders import written_whole

# Integer steps per unit of amplitude of the PCM formats that we write.
PCM_SCALE = {"PCM_16": 2**15, "PCM_24": 2**23}
WIDTH = {"PCM_16": 2, "PCM_24": 3, "FLOAT": 4}
"""Bytes of a sample."""
LARGEST = 2**32 - 1
"""Bytes that a RIFF header can count."""


def to_integers(samples: ArrayLike, subtype: str) -> NDArray[np.int32]:
    """Round samples in [-1, 1] to the integers of a PCM format, saturating like a converter."""
    scale = PCM_SCALE[subtype]
    # A product with a power of two is exact in any precision.
    return np.clip(np.rint(np.asarray(samples) * np.float32(scale)), -scale, scale - 1).astype(np.int32)


def rounded_to(samples: NDArray[np.float32], subtype: str) -> NDArray[np.float32]:
    """In the steps of a subtype."""
    return (to_integers(samples, subtype) / PCM_SCALE[subtype]).astype(np.float32) if subtype in PCM_SCALE else samples


def to_bytes(samples: ArrayLike, subtype: str) -> bytes:
    """Samples as they stand in a WAV. `samples`: `(T,)` or `(T, C)`, in [-1, 1] (any finite value for `FLOAT`)."""
    if subtype == "PCM_16":
        return to_integers(samples, subtype).astype("<i2").tobytes()
    if subtype == "PCM_24":
        return to_integers(samples, subtype).astype("<i4").reshape(-1, 1).view(np.uint8)[:, :3].tobytes()
    return np.asarray(samples, "<f4").tobytes()


def header(frames: int, subtype: str, rate: int, channels: int) -> bytes:
    """What stands before the samples, as libsndfile writes it; without the time of writing that it puts into float WAVs."""
    width = WIDTH[subtype]
    size = frames * channels * width
    code, fact = (3, struct.pack("<4sII", b"fact", 4, frames)) if subtype == "FLOAT" else (1, b"")
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, code, channels, rate, rate * channels * width, channels * width, 8 * width)
    chunks = form + fact + struct.pack("<4sI", b"data", size)
    return struct.pack("<4sI4s", b"RIFF", 4 + len(chunks) + size + size % 2, b"WAVE") + chunks


def fits(frames: int, subtype: str, channels: int) -> bool:
    """Whether a WAV can hold so much."""
    return frames * channels * WIDTH[subtype] + 64 <= LARGEST


def padding(frames: int, subtype: str, channels: int) -> bytes:
    """What stands behind the samples: the size of a chunk is even."""
    return bytes(frames * channels * WIDTH[subtype] % 2)


def create(path: Path, blocks: Iterable[NDArray[np.float32]], frames: int, subtype: str, rate: int, channels: int) -> None:
    """Write a WAV from blocks of `frames` frames in all, whole or not at all."""
    with written_whole(path) as temporary, temporary.open("wb") as file:
        file.write(header(frames, subtype, rate, channels))
        for block in blocks:
            file.write(to_bytes(block, subtype))
        file.write(padding(frames, subtype, channels))


def overwrite(path: Path, start: int, samples: ArrayLike, subtype: str) -> None:
    """Put samples into a WAV of `create`, from the frame `start` on. Several processes may do so at once, each at its place.

    Args:
        samples: `(T,)`, or `(T, C)` for more channels.
    """
    values = np.asarray(samples)
    channels = 1 if values.ndim == 1 else values.shape[1]
    with path.open("r+b") as file:
        file.seek(len(header(0, subtype, 1, channels)) + start * channels * WIDTH[subtype])
        file.write(to_bytes(values, subtype))
