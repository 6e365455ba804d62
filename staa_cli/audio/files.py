"""Reading any audio file as 16 kHz mono, whole or a part of it, and writing WAVs that keep every untouched sample."""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import soundfile
from numpy.typing import ArrayLike, NDArray

from staa_cli.audio.form import AS_THE_INPUT, Form
from staa_cli.audio.truncation import is_truncated
from staa_cli.audio.wav import PCM_SCALE, header, padding, rounded_to, to_bytes
from staa_cli.runtime.errors import StaaError, explain_os_error
from staa_cli.runtime.folders import write_bytes

Samples = NDArray[np.float32]

SAMPLE_RATE = 16_000
# Torchaudio's resampler builds a filter bank for the reduced ratio of the rates: one damaged bit in a header (44,101 Hz) asks it for 12 GB
# and a minute, soxr for 2 ms. Rates beyond these are damage too.
RATES = range(1_000, 768_001)
RESAMPLER = "soxr"
BLOCK = 1 << 20

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
        subtype: the libsndfile subtype that holds `samples`, and what is written: `PCM_16`, `PCM_24` or `FLOAT`.
        rate: the sampling rate of the file, in Hz.
        channels: the channel count of the file.
        original: `(F, C)` the file's own samples, where the perturbation is to be added to these.
    """

    samples: Samples
    subtype: str
    rate: int
    channels: int
    original: Samples | None = None

    @property
    def converted(self) -> bool:
        """Whether the file was resampled or mixed down."""
        return self.rate != SAMPLE_RATE or self.channels != 1

    @property
    def facts(self) -> dict[str, Any]:
        """What a record says of it."""
        written = {} if self.original is None else {"written_rate": self.rate, "written_channels": self.channels}
        facts = {"samples": len(self.samples), "subtype": self.subtype, "source_rate": self.rate, "source_channels": self.channels}
        return {**facts, **written}


def read_audio(path: Path, channel: int | None = None, *, span: tuple[int, int] | None = None, form: Form = AS_THE_INPUT) -> Audio:
    """Read a file that libsndfile knows as 16 kHz mono.

    Other rates are resampled with soxr at its high quality, and the result is rounded to the resolution of what is written, so that it
    can be written without a further change.

    Args:
        channel: one channel, counted from 1; None is the mean of all.
        span: the frames of the file from the first up to the second, as if nothing else were in it; None takes all.
        form: what it will be written as; by default without loss.

    Raises:
        AudioError: no file, not readable, no audio, damaged, empty, without that channel, with samples that are not finite, or that cannot
            be written in that form.
    """
    name = one_line(path)
    with opened(path) as file:
        rate, channels, own = file.samplerate, file.channels, WRITTEN_AS.get(file.subtype, "FLOAT")
        if channel is not None and channel > channels:
            raise AudioError(f"{name} has {channels} channel(s), expected a channel {channel}; choose another with 'channel'")
        keeps = form.keep_rate and (rate != SAMPLE_RATE or channels != 1)
        if keeps and form.container == "flac" and (channels > 8 or rate > 655_350):
            raise AudioError(f"{name} has {channels} channels at {rate} Hz, which FLAC cannot hold, expected up to 8 at 655350 Hz")
        first, end = span or (0, file.frames)
        if first:
            file.seek(first)
        samples, original = read_frames(file, channel, end - first, keep=keeps)
    if len(samples) < end - first:
        raise truncated(name)
    if len(samples) == 0:
        raise AudioError(f"{name} holds 0 samples, expected at least 1")
    if rate not in RATES:
        raise AudioError(f"{name} has a sampling rate of {rate} Hz, expected {RATES.start} to {RATES.stop - 1} Hz: its header is damaged")
    if not np.isfinite(samples).all():
        raise AudioError(f"{name} holds {int((~np.isfinite(samples)).sum())} samples that are NaN or infinite, expected finite numbers")
    held = form.holds(own)
    peak = float(np.abs(samples if original is None else original).max()) if held != "FLOAT" and own == "FLOAT" else 0.0
    if peak > 1:
        raise AudioError(f"{name} has a peak of {peak:.3g}, expected at most 1, beyond which {held} would clip it: write it as FLOAT")
    samples = as_heard(samples, rate, held, rounded=channels != 1 or held != own)
    if len(samples) == 0:
        raise AudioError(f"{name} is shorter than one sample at {SAMPLE_RATE} Hz, expected at least 1")
    if original is not None and held != own:
        original = rounded_to(original, held)
    return Audio(samples, held, rate, channels, original)


def as_heard(samples: Samples, rate: int, subtype: str, *, rounded: bool) -> Samples:
    """Mono at any rate as 16 kHz, in steps of the subtype; `(T,)` → `(T',)`. `rounded`: round it also where its rate is 16 kHz."""
    if rate != SAMPLE_RATE:
        import soxr

        samples = soxr.resample(samples, rate, SAMPLE_RATE)
    return rounded_to(samples, subtype) if rounded or rate != SAMPLE_RATE else samples


class Sound(soundfile.SoundFile):  # type: ignore[misc]
    """Without a finaliser in Python, in which Ctrl-C would be swallowed too: whoever opens it closes it.

    It is given a descriptor. Were that a Python object, libsndfile would call back into Python, and Ctrl-C, which strikes where Python code
    runs, would be swallowed there: files were called truncated, or an interrupted run went on.
    """

    __del__ = object.__init__


@contextmanager
def opened(path: Path) -> Iterator[soundfile.SoundFile]:
    """A file to read, looked at before. What libsndfile says against it, also within the block, is an `AudioError`.

    Raises:
        AudioError: no file, not readable, no audio, damaged or empty.
    """
    with open_whole(path) as handle:
        try:
            with Sound(handle.fileno(), closefd=False) as file:
                yield file
        except (soundfile.LibsndfileError, RuntimeError, ValueError, MemoryError) as error:
            # libsndfile's own words, without the name of our buffer.
            reason = str(getattr(error, "error_string", error)).strip().rstrip(".")
            if "does not exist" in reason:  # what it says of a header that leads it out of the file
                reason = "its header is damaged"
            raise AudioError(
                f"{one_line(path)} cannot be read as audio ({reason}); expected WAV, FLAC or another format that libsndfile reads"
            ) from None


def open_whole(path: Path) -> BinaryIO:
    """
    Raises:
        AudioError: no file, not readable, empty, or shorter than it says.
    """
    name = one_line(path)
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "is a device or a pipe" if path.exists() else "does not exist"
        raise AudioError(f"{name} {what}, expected an audio file")
    try:
        with ExitStack() as stack:
            handle = stack.enter_context(path.open("rb"))
            if not os.fstat(handle.fileno()).st_size:
                raise AudioError(f"{name} is an empty file (0 bytes), expected audio")
            with mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ) as data:
                if is_truncated(data):  # which libmpg123 would tell us on stderr
                    raise truncated(name)
            stack.pop_all()
            return handle
    except OSError as error:
        raise AudioError(one_line(explain_os_error(error))) from None


def truncated(name: str) -> AudioError:
    return AudioError(f"{name} is truncated: its header promises more audio than the file holds; copy it again from its source")


def read_frames(file: soundfile.SoundFile, channel: int | None, frames: int, *, keep: bool = False) -> tuple[Samples, Samples | None]:
    """The next frames, of one channel or of their mean; and all channels, where they are kept.

    Read in blocks: a damaged header may promise more than the memory holds.
    """
    mono, kept = [np.empty(0, np.float32)], [np.empty((0, file.channels), np.float32)]
    while frames and len(block := file.read(min(frames, max(1, BLOCK // file.channels)), dtype="float32", always_2d=True)):
        mono.append(block[:, channel - 1] if channel is not None else block[:, 0] if block.shape[1] == 1 else mean(block))
        kept += [block] if keep else []
        frames -= len(block)
    return np.concatenate(mono), np.concatenate(kept) if keep else None


def mean(block: Samples) -> Samples:
    """Of the channels, `(T, C)` → `(T,)`; where it is none, the caller says so, and not NumPy on stderr."""
    with np.errstate(over="ignore", invalid="ignore"):
        averaged: Samples = block.mean(axis=1)
    return averaged


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
    steps = np.trunc((np.asarray(adversarial, np.float64) - np.asarray(clean, np.float64)) * scale)
    rounded: Samples = (np.clip(base + steps, -scale, scale - 1) / scale).astype(np.float32)
    return rounded


def encode_wav(samples: ArrayLike, subtype: str, rate: int = SAMPLE_RATE) -> bytes:
    """The bytes of a WAV. `samples`: `(T,)`, or `(T, C)` for more channels, in [-1, 1] (any finite value for `FLOAT`)."""
    values = np.asarray(samples)
    frames, channels = len(values), 1 if values.ndim == 1 else values.shape[1]
    return header(frames, subtype, rate, channels) + to_bytes(values, subtype) + padding(frames, subtype, channels)


def write_wav(path: Path, samples: ArrayLike, subtype: str = "PCM_16", rate: int = SAMPLE_RATE) -> None:
    """Write samples as a WAV, whole or not at all; see `encode_wav`."""
    write_bytes(path, encode_wav(samples, subtype, rate))
