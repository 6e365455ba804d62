"""One recording as 16 kHz mono 16-bit WAVs: what the worker processes of `staa prepare` do. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from staa_cli.audio.files import SAMPLE_RATE, AudioError, read_audio, write_wav
from staa_cli.audio.shaping import set_loudness, trim_silence, unify
from staa_cli.audio.wav import to_integers
from staa_cli.corpora.recipe import PrepareRecipe
from staa_cli.runtime.provenance import hash_bytes


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be made of an utterance.

    Attributes:
        path: the recording, and the part of it in seconds; `end` None is its end.
        name: the WAV, relative to `folder`. Pieces of a long utterance get numbers.
    """

    path: Path
    start: float
    end: float | None
    folder: Path
    name: str
    recipe: PrepareRecipe


class Converted(NamedTuple):
    """What became of an utterance.

    Attributes:
        pieces: each WAV and its samples.
        audio: hash of the mono audio before trimming and cutting: equal for equal recordings, whatever their format.
        rate, channels: of the recording.
        seconds: of the recording, silence and all.
        trimmed: seconds of silence dropped.
        limited: whether the gain was held back for the peak.
        clipped: samples beyond full scale, which 16 bits cannot hold.
    """

    pieces: list[tuple[str, int]]
    audio: str
    rate: int
    channels: int
    seconds: float
    trimmed: float
    limited: bool
    clipped: int


class Failed(NamedTuple):
    """Why a recording could not be used."""

    problem: str


def convert(order: Order) -> Converted | Failed:
    """Read, shape and write one utterance.

    Raises:
        OSError: the output could not be written; that is no fault of the recording.
    """
    recipe = order.recipe
    try:
        audio = read_audio(order.path, recipe.channel)
        samples = audio.samples
        if order.start or order.end is not None:
            samples = samples[round(order.start * SAMPLE_RATE) : None if order.end is None else round(order.end * SAMPLE_RATE)]
            if not len(samples):
                raise AudioError(f"{order.path} has no audio from {order.start:g} s to {order.end or float('inf'):g} s: it is shorter")
    except AudioError as error:
        return Failed(str(error))
    identity = hash_bytes(to_integers(samples, "PCM_16").astype("<i2").tobytes())
    native = len(samples)
    if recipe.trim_db is not None:
        samples = trim_silence(samples, recipe.trim_db)
    trimmed, limited = (native - len(samples)) / SAMPLE_RATE, False
    if recipe.loudness is not None:
        measure, dbfs = next((key, value) for key, value in recipe.loudness.model_dump().items() if value is not None)
        samples, limited = set_loudness(samples, measure, dbfs)
    clipped = int(np.count_nonzero(np.abs(samples) > 1))
    pieces = unify(samples, recipe.seconds, recipe.longer)
    names = piece_names(order.name, len(pieces)) if recipe.longer == "split" else [order.name]
    for name, piece in zip(names, pieces, strict=True):
        write_wav(order.folder / name, piece, "PCM_16")
    written = [(name, len(piece)) for name, piece in zip(names, pieces, strict=True)]
    return Converted(written, identity, audio.rate, audio.channels, native / SAMPLE_RATE, trimmed, limited, clipped)


def piece_names(name: str, count: int) -> list[str]:
    """`a.wav` in pieces: `a_1.wav`, `a_2.wav`."""
    path = Path(name)
    return [str(path.with_name(f"{path.stem}_{number}{path.suffix}")) for number in range(1, count + 1)]


def to_record(place: str, converted: Converted) -> dict[str, Any]:
    return {"utterance": place, **converted._asdict()}


def from_record(record: dict[str, Any]) -> Converted:
    values = {key: value for key, value in record.items() if key != "utterance"}
    return Converted(**{**values, "pieces": [(name, samples) for name, samples in values["pieces"]]})
