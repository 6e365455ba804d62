"""Reading any audio file as 16 kHz mono and writing WAVs that keep every untouched sample."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile

import numpy as np
import soundfile
from numpy.typing import ArrayLike, NDArray

from staa_cli.audio.truncation import is_truncated
from staa_cli.runtime.errors import StaaError, explain_os_error
from staa_cli.runtime.folders import write_bytes
from staa_cli.runtime.provenance import hash_bytes

Samples = NDArray[np.float32]

SAMPLE_RATE = 16_000
# Torchaudio's resampler builds a filter bank for the reduced ratio of the rates: one damaged bit in a header (44,101 Hz) asks it for 12 GB
# and a minute, soxr for 2 ms. Rates beyond these are damage too.
RATES = range(1_000, 768_001)
RESAMPLER = "soxr"
BLOCK = 1 << 20

# Integer steps per unit of amplitude of the PCM formats that we write.
PCM_SCALE = {"PCM_16": 2**15, "PCM_24": 2**23}
# Everything else libsndfile reads fits into one of these without loss (float64 but for its last bits).
WRITTEN_AS = {
    "PCM_S8": "PCM_16",
    "PCM_U8": "PCM_16",
    "PCM_16": "PCM_16",
    "PCM_24": "PCM_24",
    "ULAW": "PCM_16",
    "ALAW": "PCM_16",
}


def one_line(text: object) -> str:
    """Names may hold line breaks; a message about one of many files must not, or it would look like two."""
    return str(text).replace("\n", "\\n").replace("\r", "\\r")


class AudioError(StaaError):
    """One file that cannot be used as audio; the others can."""


@dataclass(frozen=True)
class Audio:
    """One utterance.

    Attributes:
        samples: `(T,)` float32, mono, 16 kHz, nominally in [-1, 1].
        subtype: the libsndfile subtype that holds `samples` without loss: `PCM_16`, `PCM_24` or `FLOAT`.
        rate: the sampling rate of the file, in Hz.
        channels: the channel count of the file.
        sha256: hash of the file's bytes.
    """

    samples: Samples
    subtype: str
    rate: int
    channels: int
    sha256: str

    @property
    def converted(self) -> bool:
        """Whether the file was resampled or mixed down."""
        return self.rate != SAMPLE_RATE or self.channels != 1


def read_audio(path: Path, channel: int | None = None) -> Audio:
    """Read a file that libsndfile knows as 16 kHz mono.

    Other rates are resampled with soxr at its high quality, and the result is rounded to the file's own resolution, so that it can be
    written back without a further change.

    Args:
        channel: one channel, counted from 1; None is the mean of all.

    Raises:
        AudioError: no file, not readable, no audio, damaged, empty, without that channel, or with samples that are not finite.
    """
    name = one_line(path)
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "is a device or a pipe" if path.exists() else "does not exist"
        raise AudioError(f"{name} {what}, expected an audio file")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise AudioError(one_line(explain_os_error(error))) from None
    if not data:
        raise AudioError(f"{name} is an empty file (0 bytes), expected audio")
    truncated = AudioError(f"{name} is truncated: its header promises more audio than the file holds; copy it again from its source")
    if is_truncated(data):  # which libmpg123 would tell us on stderr
        raise truncated
    try:
        with in_memory(data) as handle, Sound(handle, closefd=False) as file:
            declared, rate, channels, container = file.frames, file.samplerate, file.channels, file.subtype
            if channel is not None and channel > channels:
                raise AudioError(f"{name} has {channels} channel(s), expected a channel {channel}; choose another with 'channel'")
            samples = read_mono(file, channel)
    except (soundfile.LibsndfileError, RuntimeError, ValueError, MemoryError) as error:
        # libsndfile's own words, without the name of our buffer.
        reason = str(getattr(error, "error_string", error)).strip().rstrip(".")
        if "does not exist" in reason:  # what it says of a header that leads it out of the file
            reason = "its header is damaged"
        raise AudioError(f"{name} cannot be read as audio ({reason}); expected WAV, FLAC or another format that libsndfile reads") from None
    if len(samples) < declared:
        raise truncated
    if len(samples) == 0:
        raise AudioError(f"{name} holds 0 samples, expected at least 1")
    if rate not in RATES:
        raise AudioError(f"{name} has a sampling rate of {rate} Hz, expected {RATES.start} to {RATES.stop - 1} Hz: its header is damaged")
    if not np.isfinite(samples).all():
        raise AudioError(f"{name} holds {int((~np.isfinite(samples)).sum())} samples that are NaN or infinite, expected finite numbers")
    subtype = WRITTEN_AS.get(container, "FLOAT")
    if rate != SAMPLE_RATE:
        import soxr

        samples = soxr.resample(samples, rate, SAMPLE_RATE)
        if len(samples) == 0:
            raise AudioError(f"{name} is shorter than one sample at {SAMPLE_RATE} Hz, expected at least 1")
    if subtype in PCM_SCALE and (rate != SAMPLE_RATE or channels != 1):
        samples = (to_integers(samples, subtype) / PCM_SCALE[subtype]).astype(np.float32)
    return Audio(samples, subtype, rate, channels, hash_bytes(data))


class Sound(soundfile.SoundFile):  # type: ignore[misc]
    """Without a finaliser in Python, in which Ctrl-C would be swallowed too: whoever opens it closes it."""

    __del__ = object.__init__


@contextmanager
def in_memory(data: bytes = b"") -> Iterator[int]:
    """The descriptor of a file that has no name, for libsndfile to work on alone.

    Were it a Python object, libsndfile would call back into Python, and Ctrl-C, which strikes where Python code runs, would be swallowed
    there: files were called truncated, or an interrupted run went on.
    """
    with open(os.memfd_create("staa"), "w+b") if hasattr(os, "memfd_create") else TemporaryFile() as file:
        file.write(data)
        file.seek(0)
        yield file.fileno()


def read_mono(file: soundfile.SoundFile, channel: int | None) -> Samples:
    """All samples of one channel or of their mean. Read in blocks: a damaged header may promise more than the memory holds."""
    blocks = [np.empty(0, np.float32)]
    while len(block := file.read(max(1, BLOCK // file.channels), dtype="float32", always_2d=True)):
        blocks.append(block[:, channel - 1] if channel is not None else block[:, 0] if block.shape[1] == 1 else mean(block))
    return np.concatenate(blocks)


def mean(block: Samples) -> Samples:
    """Of the channels, `(T, C)` → `(T,)`; where it is none, the caller says so, and not NumPy on stderr."""
    with np.errstate(over="ignore", invalid="ignore"):
        averaged: Samples = block.mean(axis=1)
    return averaged


def to_integers(samples: ArrayLike, subtype: str) -> NDArray[np.int32]:
    """Round samples in [-1, 1] to the integers of a PCM format, saturating like a converter."""
    scale = PCM_SCALE[subtype]
    # A product with a power of two is exact in any precision.
    return np.clip(np.rint(np.asarray(samples) * np.float32(scale)), -scale, scale - 1).astype(np.int32)


def quantise_adversarial(clean: ArrayLike, adversarial: ArrayLike, subtype: str) -> Samples:
    """Round x_adv to what a file of `subtype` can hold, towards x.

    Rounding the perturbation towards zero keeps |δ| ≤ ε on disk, and a sample with δ = 0 keeps its bits.

    Args:
        clean: `(T,)` x, exactly representable in `subtype`.
        adversarial: `(T,)` x_adv.

    Returns:
        `(T,)` float32: values that a write and a read reproduce exactly.
    """
    if subtype not in PCM_SCALE:
        return np.asarray(adversarial, np.float32)
    scale = PCM_SCALE[subtype]
    base = np.rint(np.asarray(clean, np.float64) * scale)
    # Differences of float32 waveforms carry an error of some 1e-3 of a PCM_16 step: do not let it cost a whole step.
    delta = (np.asarray(adversarial, np.float64) - np.asarray(clean, np.float64)) * scale
    steps = np.trunc(delta + 1e-6 * np.sign(delta))
    rounded: Samples = (np.clip(base + steps, -scale, scale - 1) / scale).astype(np.float32)
    return rounded


def encode_wav(samples: ArrayLike, subtype: str) -> bytes:
    """The bytes of a 16 kHz mono WAV. `samples`: `(T,)` in [-1, 1] (any finite value for `FLOAT`)."""
    values: NDArray[np.generic]
    if subtype == "PCM_16":
        values = to_integers(samples, subtype).astype(np.int16)
    elif subtype == "PCM_24":
        values = to_integers(samples, subtype) << 8
    else:
        values = np.asarray(samples, np.float32)
    with in_memory() as handle:
        with Sound(handle, "w", SAMPLE_RATE, 1, subtype, format="WAV", closefd=False) as file:
            file.write(values)
        data = os.pread(handle, os.fstat(handle).st_size, 0)
    return without_peak_chunk(data) if subtype == "FLOAT" else data


def without_peak_chunk(data: bytes) -> bytes:
    """Drop the `PEAK` chunk that libsndfile adds to float WAVs: it carries the time of writing, and equal audio must give equal bytes."""
    at = data.find(b"PEAK", 12, 128)
    if at < 0:
        return data
    size = 8 + int.from_bytes(data[at + 4 : at + 8], "little")
    rest = data[:at] + data[at + size :]
    return rest[:4] + (len(rest) - 8).to_bytes(4, "little") + rest[8:]


def write_wav(path: Path, samples: ArrayLike, subtype: str = "PCM_16") -> None:
    """Write `(T,)` samples as a 16 kHz mono WAV, whole or not at all."""
    write_bytes(path, encode_wav(samples, subtype))
