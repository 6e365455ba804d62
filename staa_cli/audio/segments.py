"""Cutting long recordings into segments, as if by hand: in their own rate, each then mixed down and resampled alone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import soundfile

from staa_cli.audio.energy import Span, by_energy, powers
from staa_cli.audio.files import SAMPLE_RATE, AudioError, one_line, opened
from staa_cli.audio.form import Cutting

LOSSY = ("MPEG_LAYER", "VORBIS", "OPUS")
"""Decoders whose answer in the middle of a file depends on where they began to read."""
LONGEST = 2**40
"""Frames. Of more a header says only that it does not know."""


@dataclass(frozen=True)
class Segment:
    """A part of a recording.

    Attributes:
        number: among those that are attacked, from 0; None for silence, which is copied.
        start, end: frames of the recording.
        rate: of the recording, in Hz.
        offset, samples: where it begins at 16 kHz, and how long it is.
    """

    number: int | None
    start: int
    end: int
    rate: int
    offset: int
    samples: int

    @property
    def facts(self) -> dict[str, Any]:
        """What a record says of it, in seconds."""
        return {"number": self.number, "start": self.start / self.rate, "end": self.end / self.rate}

    def __str__(self) -> str:
        return f"{self.start / self.rate:g}–{self.end / self.rate:g} s"


def cut(path: Path, cutting: Cutting) -> list[Segment]:
    """The segments of a recording, silence among them, without a gap; none where it is not longer than one.

    Raises:
        AudioError: it cannot be read, or not from the middle.
    """
    with opened(path) as file:
        size = max(1, int(cutting.seconds * file.samplerate + 1e-6))
        if file.frames <= size:
            return []
        check_seeking(path, file)
        if cutting.by == "energy":
            spans = by_energy(powers(file), file.frames, file.samplerate, size)
        else:
            spans = by_length(file.frames, size, join=cutting.join)
        rate = file.samplerate
    return placed(spans, rate) if len(spans) > 1 else []


def check_seeking(path: Path, file: soundfile.SoundFile) -> None:
    """
    Raises:
        AudioError: what is read from the middle of such a file is not what stands there.
    """
    if not file.seekable() or file.subtype.startswith(LOSSY) or file.frames > LONGEST:
        raise AudioError(
            f"{one_line(path)} is longer than a segment, and {file.format}/{file.subtype} cannot be read from the middle to the bit; "
            "convert it to WAV or FLAC first"
        )


def by_length(frames: int, size: int, *, join: bool) -> list[Span]:
    """Pieces of one size, and the rest."""
    starts = list(range(0, frames, size))
    if join and len(starts) > 1 and 4 * (frames - starts[-1]) < size:
        starts.pop()
    return [Span(start, end) for start, end in zip(starts, [*starts[1:], frames], strict=True)]


def placed(spans: list[Span], rate: int) -> list[Segment]:
    """With their numbers, and their places at 16 kHz."""
    found: list[Segment] = []
    number = offset = 0
    for span in spans:
        samples = resampled(span.end - span.start, rate)
        found.append(Segment(None if span.silent else number, span.start, span.end, rate, offset, samples))
        number += not span.silent
        offset += samples
    return found


def resampled(frames: int, rate: int) -> int:
    """How many samples soxr makes at 16 kHz."""
    return int(frames * SAMPLE_RATE / rate + 0.5)
