"""FLAC: audio in integers, without loss. It cannot be written in the middle: what is made in pieces is a WAV first."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import ArrayLike, NDArray

from staa_cli.audio.files import BLOCK, Samples, Sound, opened
from staa_cli.audio.wav import create, to_integers
from staa_cli.runtime.folders import written_whole


def write_flac(path: Path, samples: ArrayLike, subtype: str, rate: int) -> None:
    """Write samples, whole or not at all; as `write_wav`, but not `FLOAT`."""
    values = np.asarray(samples)
    with written_whole(path) as temporary, temporary.open("wb") as handle:
        channels = 1 if values.ndim == 1 else values.shape[1]
        with Sound(handle.fileno(), "w", rate, channels, subtype, format="FLAC", closefd=False) as file:
            file.write(as_written(to_integers(values, subtype), subtype))


def as_written(integers: NDArray[np.int32], subtype: str) -> NDArray[np.generic]:
    """As soundfile takes them: 24 bits are the upper ones of 32."""
    return integers.astype(np.int16) if subtype == "PCM_16" else integers << 8


def is_flac(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"fLaC"


def to_flac(path: Path) -> None:
    """Make a FLAC of a WAV of integers, under the same name. It is read and written as a stream."""
    with opened(path) as wav, written_whole(path) as temporary, temporary.open("wb") as handle:
        kind = "int16" if wav.subtype == "PCM_16" else "int32"
        with Sound(handle.fileno(), "w", wav.samplerate, wav.channels, wav.subtype, format="FLAC", closefd=False) as file:
            while len(block := wav.read(max(1, BLOCK // wav.channels), dtype=kind)):
                file.write(block)


def to_wav(path: Path) -> None:
    """And back."""
    with opened(path) as flac:
        create(path, blocks(flac), flac.frames, flac.subtype, flac.samplerate, flac.channels)


def blocks(file: soundfile.SoundFile) -> Iterator[Samples]:
    while len(block := file.read(max(1, BLOCK // file.channels), dtype="float32")):
        yield block
