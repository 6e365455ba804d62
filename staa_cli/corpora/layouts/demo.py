"""The built-in corpus: sixteen synthetic voices say neutral English sentences in five emotions.

espeak-ng (GPL-3, in the wheel `espeakng-loader` of the extra `demo`) speaks inside this process. The sentences carry no emotion, and every
speaker says the same one in each, so that only prosody and voice quality tell emotions apart: always relative to the speaker's own.
"""

from __future__ import annotations

import ctypes
import io
import os
import random
from ctypes import POINTER, c_char_p, c_int, c_long, c_short, c_size_t, c_uint, c_void_p
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import soundfile
from numpy.typing import NDArray
from pydantic import Field

from staa_cli.corpora.recipe import PrepareRecipe
from staa_cli.corpora.utterance import Listing, Utterance
from staa_cli.runtime.errors import StaaError, UsageError
from staa_cli.runtime.folders import write_bytes
from staa_cli.runtime.schema import Strict
from staa_cli.runtime.seeds import derive_seed

LANGUAGE = "en"
ACCENT = "en-us"


class Speaker(NamedTuple):
    """A voice of espeak-ng.

    Attributes:
        variant: its name in `espeak-ng-data/voices/!v`, which also names the speaker.
        rate: how fast the speaker talks without emotion, in words per minute.
    """

    variant: str
    gender: str
    rate: int


SPEAKERS = (
    Speaker("f1", "female", 170),
    Speaker("m1", "male", 170),
    Speaker("f2", "female", 175),
    Speaker("m3", "male", 175),
    Speaker("f3", "female", 180),
    Speaker("m4", "male", 180),
    Speaker("f4", "female", 165),
    Speaker("m5", "male", 165),
    Speaker("f5", "female", 165),
    Speaker("m2", "male", 165),
    Speaker("linda", "female", 180),
    Speaker("m6", "male", 180),
    Speaker("aunty", "female", 175),
    Speaker("max", "male", 175),
    Speaker("belinda", "female", 170),
    Speaker("boris", "male", 170),
)


class Emotion(NamedTuple):
    """How an emotion moves a speaker away from neutral.

    Attributes:
        rate: factor on the words per minute.
        pitch: shift of the voice's lowest tone, in semitones.
        range: of the pitch within a sentence: 0 is monotone, 50 as usual.
        pause: between words, in milliseconds.
        mark: the punctuation that ends the sentence and so shapes its melody.
        peak: the loudest sample.
        tilt: vocal effort, in dB per octave above 500 Hz: a pressed voice is brighter, a slack one duller.
        breath: noise that follows the voice, as a share of it.
    """

    rate: float
    pitch: float
    range: int
    pause: int
    mark: str
    peak: float
    tilt: float
    breath: float


EMOTIONS = {
    "neutral": Emotion(rate=1.0, pitch=0, range=50, pause=0, mark=".", peak=0.5, tilt=0, breath=0),
    "anger": Emotion(rate=1.2, pitch=-2, range=80, pause=0, mark="!", peak=0.9, tilt=8, breath=0),
    "happiness": Emotion(rate=1.1, pitch=7, range=95, pause=0, mark="!", peak=0.75, tilt=3, breath=0),
    "sadness": Emotion(rate=0.75, pitch=-3, range=15, pause=60, mark=".", peak=0.35, tilt=-6, breath=0),
    "fear": Emotion(rate=1.3, pitch=8, range=20, pause=0, mark=".", peak=0.4, tilt=0, breath=0.6),
}

SENTENCES = (
    "The box is standing on the table",
    "The train leaves from platform nine",
    "We will meet at the corner at four",
    "The keys are lying next to the lamp",
    "They moved to the house by the river",
    "The letter came in the morning post",
    "She put the book back on the shelf",
    "The window in the kitchen is open",
    "He is taking the bus into town today",
    "The meeting was moved to Thursday",
    "My brother works at the new library",
    "The coat is hanging behind the door",
    "The dog is sleeping under the chair",
    "There are seven plates on the counter",
    "She is going to call you this evening",
    "The shop on the square opens at eight",
    "I carried the paper up to the office",
    "The road turns left after the bridge",
    "He has poured the milk into the glass",
    "The children are walking home now",
    "It will be ready in about an hour",
    "The blue car is parked across the street",
    "We usually eat supper around seven",
    "The map is in the drawer on the right",
)


class Options(Strict):
    """How much the voices say."""

    speakers: int = Field(16, ge=3, le=16, description="voices")
    utterances: int = Field(30, ge=5, le=500, description="per speaker")


# espeak_PARAMETER, espeak_AUDIO_OUTPUT and the flags of espeak's speak_lib.h.
RATE, VOLUME, PITCH, RANGE, WORDGAP = 1, 2, 3, 4, 7
SYNCHRONOUS, DONT_EXIT, IN_CHARACTERS, UTF8 = 2, 1 << 15, 1, 1
OnSamples = ctypes.CFUNCTYPE(c_int, POINTER(c_short), c_int, c_void_p)


def fetch(source: Path | None, recipe: PrepareRecipe, folder: Path) -> Path:
    """Nothing to fetch: `read` speaks what it lists.

    Raises:
        UsageError: a source is given.
    """
    if source is not None:
        raise UsageError("the corpus 'demo' is built in", "no-source")
    return folder


def read(source: Path, recipe: PrepareRecipe) -> Listing:
    """Write the corpus below `source`: `f1/anger-00.wav` is the first time that speaker f1 is angry.

    A file depends on its own name only: asking for fewer speakers or utterances gives the same files, only fewer.

    Raises:
        UsageError: the extra `demo` is not installed.
    """
    options: Options = recipe.options
    library, data = find_espeak()
    listing = Listing([])
    for place, speaker in enumerate(SPEAKERS[: options.speakers]):
        for index in range(options.utterances):
            take, emotion = index // len(EMOTIONS), list(EMOTIONS)[index % len(EMOTIONS)]
            name, acted = f"{speaker.variant}/{emotion}-{take:02d}.wav", EMOTIONS[emotion]
            draw = random.Random(derive_seed(0, "demo", name))
            # 11 shares no factor with the 24 sentences: every speaker begins elsewhere.
            text = SENTENCES[(11 * place + take) % len(SENTENCES)] + acted.mark
            samples, rate = speak(library, data, f"{ACCENT}+{speaker.variant}", text, parameters(speaker, acted, draw))
            write_bytes(source / name, encode(colour(samples, rate, acted, draw), rate))
            listing.utterances.append(Utterance(source / name, name, emotion, speaker.variant, speaker.gender, LANGUAGE, text=text[:-1]))
    return listing


def find_espeak() -> tuple[Path, Path]:
    """The shared library of espeak-ng and its data."""
    try:
        import espeakng_loader
    except ImportError:
        raise UsageError("the demo corpus needs espeak-ng, which is not installed; install it with: pip install 'staa[demo]'") from None
    return Path(espeakng_loader.get_library_path()), Path(espeakng_loader.get_data_path())


def parameters(speaker: Speaker, emotion: Emotion, draw: random.Random) -> dict[int, int]:
    """How this speaker shows an emotion, never twice quite the same, in espeak's units."""
    semitones = emotion.pitch + draw.uniform(-1, 1)
    return {
        RATE: round(speaker.rate * emotion.rate * draw.uniform(0.94, 1.06)),
        VOLUME: 60,  # of 100: room for the loudest voices
        PITCH: round(50 + semitones * 50 / 12),  # 0 to 100 are two octaves, the voice's own tone in the middle
        RANGE: round(emotion.range * draw.uniform(0.9, 1.1)),
        WORDGAP: round(emotion.pause / 10 * draw.uniform(0.8, 1.2)),
    }


def speak(library: Path, data: Path, voice: str, text: str, settings: dict[int, int]) -> tuple[NDArray[np.int16], int]:
    """One utterance, `(T,)`, and its sampling rate.

    espeak-ng carries the phases of its oscillator and of its pitch flutter from one utterance into the next, even through a restart, so
    each utterance gets a freshly loaded library (some milliseconds). Its noise is seeded from the clock unless it is told otherwise.
    """
    chunks: list[bytes] = []

    def collect(samples: Any, count: int, events: Any) -> int:
        if samples:
            chunks.append(ctypes.string_at(samples, 2 * count))
        return 0

    callback = OnSamples(collect)
    espeak = ctypes.CDLL(str(library))
    try:
        rate = int(espeak.espeak_Initialize(SYNCHRONOUS, 0, c_char_p(os.fsencode(data)), DONT_EXIT))
        if rate <= 0:
            raise StaaError(f"espeak-ng cannot use its data in {data}; reinstall it with: pip install --force-reinstall espeakng-loader")
        espeak.espeak_SetSynthCallback(callback)
        espeak.espeak_ng_SetRandSeed(c_long(0))
        failed = espeak.espeak_SetVoiceByName(c_char_p(voice.encode()))
        for parameter, value in settings.items():
            failed |= espeak.espeak_SetParameter(parameter, value, 0)
        spoken = text.encode()
        size, start, end = c_size_t(len(spoken) + 1), c_uint(0), c_uint(0)
        failed |= espeak.espeak_Synth(c_char_p(spoken), size, start, IN_CHARACTERS, end, c_uint(UTF8), None, None)
        espeak.espeak_Terminate()
    finally:
        ctypes.CDLL(None).dlclose(c_void_p(espeak._handle))
    if failed or not chunks:
        raise StaaError(f"espeak-ng does not speak as '{voice}'; expected the version in espeakng-loader 0.2.4 or newer")
    return np.frombuffer(b"".join(chunks), np.int16), rate


def colour(samples: NDArray[np.int16], rate: int, emotion: Emotion, draw: random.Random) -> NDArray[np.int16]:
    """Give espeak's even voice, `(T,)`, the effort, the breath and the loudness of an emotion."""
    points = 1 << len(samples).bit_length()
    octaves = np.log2(np.maximum(np.fft.rfftfreq(points, 1 / rate), 500) / 500)
    voice: NDArray[np.float64] = np.fft.irfft(np.fft.rfft(samples, points) * 10 ** (emotion.tilt * octaves / 20))[: len(samples)]
    noise = np.frombuffer(draw.randbytes(2 * len(samples)), "<i2") / 2**15
    voice *= 1 + emotion.breath * noise
    loud: NDArray[np.int16] = np.round(voice * (emotion.peak * 2**15 / np.abs(voice).max())).astype(np.int16)
    return loud


def encode(samples: NDArray[np.int16], rate: int) -> bytes:
    """The bytes of a mono WAV."""
    buffer = io.BytesIO()
    with soundfile.SoundFile(buffer, "w", rate, 1, "PCM_16", format="WAV") as file:
        file.write(samples)
    return buffer.getvalue()
