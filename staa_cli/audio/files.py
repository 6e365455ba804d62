"""Reading any audio file as 16 kHz mono and writing WAVs that keep every untouched sample."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import torch
from torch import Tensor

from staa_cli.runtime.errors import StaaError, explain_os_error
from staa_cli.runtime.folders import write_bytes
from staa_cli.runtime.provenance import hash_bytes

SAMPLE_RATE = 16_000

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

    samples: Tensor
    subtype: str
    rate: int
    channels: int
    sha256: str

    @property
    def converted(self) -> bool:
        """Whether the file was resampled or mixed down."""
        return self.rate != SAMPLE_RATE or self.channels != 1


def read_audio(path: Path) -> Audio:
    """Read a file that libsndfile knows as 16 kHz mono.

    Channels are averaged; other rates are resampled with torchaudio's windowed sinc, and the result is rounded to the file's own
    resolution, so that it can be written back without a further change.

    Raises:
        AudioError: no file, not readable, no audio, damaged, empty, or with samples that are not finite.
    """
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "is a device or a pipe" if path.exists() else "does not exist"
        raise AudioError(f"{path} {what}, expected an audio file")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise AudioError(explain_os_error(error)) from None
    if not data:
        raise AudioError(f"{path} is an empty file (0 bytes), expected audio")
    try:
        with soundfile.SoundFile(io.BytesIO(data)) as file:
            declared, rate, channels, container = file.frames, file.samplerate, file.channels, file.subtype
            values = file.read(dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, RuntimeError, ValueError, MemoryError) as error:
        raise AudioError(
            f"{path} cannot be read as audio ({str(error).rstrip('.')}); expected WAV, FLAC or another format that libsndfile reads"
        ) from None
    truncated = data[:4] == b"RIFF" and declared_bytes(data) > len(data)
    if truncated or len(values) < declared:
        raise AudioError(f"{path} is truncated: its header promises more audio than the file holds; copy it again from its source")
    if len(values) == 0:
        raise AudioError(f"{path} holds 0 samples, expected at least 1")
    if not np.isfinite(values).all():
        raise AudioError(f"{path} holds {int((~np.isfinite(values)).sum())} samples that are NaN or infinite, expected finite numbers")
    subtype = WRITTEN_AS.get(container, "FLOAT")
    samples = torch.from_numpy(values).mean(dim=1)
    if rate != SAMPLE_RATE:
        from torchaudio.functional import resample

        samples = resample(samples, rate, SAMPLE_RATE)
    if subtype in PCM_SCALE and (rate != SAMPLE_RATE or channels != 1):
        samples = to_integers(samples, subtype).float() / PCM_SCALE[subtype]
    return Audio(samples, subtype, rate, channels, hash_bytes(data))


def declared_bytes(data: bytes) -> int:
    """The end of the `data` chunk that a RIFF file's header promises (0 where there is none), because libsndfile reads on without it."""
    position = 12
    while position + 8 <= len(data):
        name, size = data[position : position + 4], int.from_bytes(data[position + 4 : position + 8], "little")
        if name == b"data":
            # Streaming writers leave the size open as 0 or as the largest number.
            return 0 if size in (0, 0xFFFFFFFF) else position + 8 + size
        position += 8 + size + size % 2
    return 0


def to_integers(samples: Tensor, subtype: str) -> Tensor:
    """Round samples in [-1, 1] to the integers of a PCM format, saturating like a converter."""
    scale = PCM_SCALE[subtype]
    return (samples.double() * scale).round().clamp(-scale, scale - 1).int()


def quantise_adversarial(clean: Tensor, adversarial: Tensor, subtype: str) -> Tensor:
    """Round x_adv to what a file of `subtype` can hold, towards x.

    Rounding the perturbation towards zero keeps |δ| ≤ ε on disk, and a sample with δ = 0 keeps its bits.

    Args:
        clean: `(T,)` x, exactly representable in `subtype`.
        adversarial: `(T,)` x_adv.

    Returns:
        `(T,)` float32 (float64 for nothing): values that a write and a read reproduce exactly.
    """
    if subtype not in PCM_SCALE:
        return adversarial
    scale = PCM_SCALE[subtype]
    base = (clean.double() * scale).round()
    # Differences of float32 waveforms carry an error of some 1e-3 of a PCM_16 step: do not let it cost a whole step.
    delta = (adversarial.double() - clean.double()) * scale
    steps = torch.trunc(delta + 1e-6 * delta.sign())
    return ((base + steps).clamp(-scale, scale - 1) / scale).float()


def encode_wav(samples: Tensor, subtype: str) -> bytes:
    """The bytes of a 16 kHz mono WAV. `samples`: `(T,)` in [-1, 1] (any finite value for `FLOAT`)."""
    buffer = io.BytesIO()
    if subtype == "PCM_16":
        values = to_integers(samples, subtype).short().numpy()
    elif subtype == "PCM_24":
        values = (to_integers(samples, subtype) << 8).numpy()
    else:
        values = samples.float().numpy()
    with soundfile.SoundFile(buffer, "w", SAMPLE_RATE, 1, subtype, format="WAV") as file:
        file.write(values)
    return without_peak_chunk(buffer.getvalue()) if subtype == "FLOAT" else buffer.getvalue()


def without_peak_chunk(data: bytes) -> bytes:
    """Drop the `PEAK` chunk that libsndfile adds to float WAVs: it carries the time of writing, and equal audio must give equal bytes."""
    at = data.find(b"PEAK", 12, 128)
    if at < 0:
        return data
    size = 8 + int.from_bytes(data[at + 4 : at + 8], "little")
    rest = data[:at] + data[at + size :]
    return rest[:4] + (len(rest) - 8).to_bytes(4, "little") + rest[8:]


def write_wav(path: Path, samples: Tensor, subtype: str = "PCM_16") -> None:
    """Write `(T,)` samples as a 16 kHz mono WAV, whole or not at all."""
    write_bytes(path, encode_wav(samples, subtype))
