"""FLAC: audio in integers, without loss. It cannot be written in the middle: what is made in pieces is a WAV first."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import ArrayLike

from staa_cli.audio.files import BLOCK, Samples, Sound, opened
from staa_cli.audio.wav import create, to_integers
from staa_cli.runtime.folders import written_whole


def write_flac(path: Path, samples: ArrayLike, subtype: str, rate: int) -> None:
    """Write samples, whole or not at all; as `write_wav`, but not `FLOAT`."""
    values = np.asarray(samples)
    with writing(path, rate, 1 if values.ndim == 1 else values.shape[1], subtype) as file:
        integers = to_integers(values, subtype)
        file.write(integers.astype(np.int16) if subtype == "PCM_16" else integers << 8)


def to_flac(path: Path) -> None:
    """Make a FLAC of a WAV of integers, under the same name. It is read and written as a stream."""
    with opened(path) as wav, writing(path, wav.samplerate, wav.channels, wav.subtype) as file:
        while len(block := wav.read(max(1, BLOCK // wav.channels), dtype="int16" if wav.subtype == "PCM_16" else "int32")):
            file.write(block)


def to_wav(path: Path) -> None:
    """And back."""
    with opened(path) as flac:
        create(path, blocks(flac), flac.frames, flac.subtype, flac.samplerate, flac.channels)


def blocks(file: soundfile.SoundFile) -> Iterator[Samples]:
    while len(block := file.read(max(1, BLOCK // file.channels), dtype="float32")):
        yield block


def is_flac(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"fLaC"


@contextmanager
def writing(path: Path, rate: int, channels: int, subtype: str) -> Iterator[soundfile.SoundFile]:
    """A FLAC to write, which is there when the block ends well.

    Raises:
        OSError: it cannot be written.
    """
    with written_whole(path) as temporary, temporary.open("wb") as handle:
        try:
            with Sound(handle.fileno(), "w", rate, channels, subtype, format="FLAC", closefd=False) as file:
                yield file
        except soundfile.LibsndfileError as error:
            handle.write(bytes(BLOCK))  # libsndfile does not say why, the system does
            handle.flush()
            raise OSError(errno.EIO, str(error), str(path)) from None
