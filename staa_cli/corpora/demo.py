"""The built-in corpus: sixteen synthetic voices say neutral English sentences in five emotions.

espeak-ng (GPL-3, in the wheel `espeakng-loader` of the extra `demo`) speaks inside this process. The sentences carry no emotion: every speaker says the
same sentence once in each, so that only prosody tells them apart, and always relative to how that speaker talks anyway.
"""

from __future__ import annotations

import ctypes
import io
import random
from ctypes import c_char_p, c_int, c_short, c_size_t, c_uint, c_void_p
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile

from staa_cli.corpora.utterance import Listing, Utterance
from staa_cli.recipes.schema import DemoRecipe
from staa_cli.runtime.errors import StaaError, UsageError
from staa_cli.runtime.folders import write_bytes

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
    Speaker("grandma", "female", 170),
    Speaker("boris", "male", 170),
)


class Emotion(NamedTuple):
    """How an emotion moves a speaker away from neutral.

    Attributes:
        rate: factor on the words per minute.
        pitch: shift of the voice's lowest tone, in semitones.
        range: of the pitch within a sentence, in espeak's units: 0 is monotone, 50 as usual.
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
    "anger": Emotion(rate=1.2, pitch=-2, range=80, pause=0, mark="!", peak=0.9, tilt=10, breath=0),
    "happiness": Emotion(rate=1.1, pitch=7, range=95, pause=0, mark="!", peak=0.75, tilt=5, breath=0),
    "sadness": Emotion(rate=0.75, pitch=-3, range=15, pause=60, mark=".", peak=0.35, tilt=-8, breath=0),
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


@dataclass(frozen=True)
class Prosody:
    """What espeak-ng is told, in its own units."""

    rate: int
    pitch: int
    range: int
    gap: int


# espeak_PARAMETER and the other enumerations of espeak's speak_lib.h.
RATE, VOLUME, PITCH, RANGE, WORDGAP = 1, 2, 3, 4, 7
SYNCHRONOUS, DONT_EXIT, CHARACTERS, UTF8 = 2, 1 << 15, 1, 1
HEADROOM = 60
SynthCallback = ctypes.CFUNCTYPE(c_int, ctypes.POINTER(c_short), c_int, c_void_p)


def synthesise(folder: Path, recipe: DemoRecipe) -> Listing:
    """Write the corpus below `folder`, one WAV for each speaker, emotion and repetition.

    Each utterance depends on its own name only: asking for fewer speakers or utterances gives the same files, only fewer.

    Raises:
        UsageError: the extra `demo` is not installed.
    """
    library, data = find_espeak()
    listing = Listing([])
    for place, speaker in enumerate(SPEAKERS[: recipe.speakers]):
        for index in range(recipe.utterances):
            take, emotion = index // len(EMOTIONS), list(EMOTIONS)[index % len(EMOTIONS)]
            name = f"{speaker.variant}/{emotion}-{take:02d}.wav"
            # Eleven shares no factor with 24: neighbouring speakers begin at different sentences.
            text = SENTENCES[(11 * place + take) % len(SENTENCES)] + EMOTIONS[emotion].mark
            samples, rate = speak(library, data, speaker, text, prosody(speaker, EMOTIONS[emotion], name))
            write_bytes(folder / name, encode(colour(samples, rate, EMOTIONS[emotion]), rate))
            listing.utterances.append(Utterance(folder / name, name, emotion, speaker.variant, speaker.gender, LANGUAGE))
    return listing


def find_espeak() -> tuple[Path, Path]:
    """The shared library and its data."""
    try:
        import espeakng_loader
    except ImportError:
        raise UsageError("the demo corpus needs espeak-ng, which is not installed: pip install 'staa[demo]'") from None
    return Path(espeakng_loader.get_library_path()), Path(espeakng_loader.get_data_path())


def prosody(speaker: Speaker, emotion: Emotion, name: str) -> Prosody:
    """An emotion as this speaker shows it in the utterance `name`: never twice quite the same."""
    draw = random.Random(f"staa demo {name}")
    semitones = emotion.pitch + draw.uniform(-1, 1)
    return Prosody(
        rate=round(speaker.rate * emotion.rate * draw.uniform(0.94, 1.06)),
        # espeak's pitch spans two octaves in a hundred steps around 50, the voice's own.
        pitch=round(50 + semitones * 50 / 12),
        range=round(emotion.range * draw.uniform(0.9, 1.1)),
        gap=round(emotion.pause / 10 * draw.uniform(0.8, 1.2)),
    )


def speak(library: Path, data: Path, speaker: Speaker, text: str, prosody: Prosody) -> tuple[np.ndarray[tuple[int], np.dtype[np.int16]], int]:
    """One utterance as int16 samples, and their rate.

    espeak-ng carries the phase of its oscillators and of its slow pitch flutter from one utterance into the next and has no call to reset
    them, so each utterance gets a freshly loaded library (a millisecond). Its noise is seeded from the clock unless it is told otherwise.
    """
    chunks: list[bytes] = []

    @SynthCallback
    def collect(samples: ctypes._Pointer[c_short], count: int, events: int | None) -> int:
        if samples:
            chunks.append(ctypes.string_at(samples, count * 2))
        return 0

    espeak = ctypes.CDLL(str(library))
    try:
        rate: int = espeak.espeak_Initialize(SYNCHRONOUS, 0, c_char_p(bytes(data)), DONT_EXIT)
        if rate <= 0:
            raise StaaError(f"espeak-ng does not start with the data in {data}: reinstall it with pip install --force-reinstall espeakng-loader")
        espeak.espeak_SetSynthCallback(collect)
        espeak.espeak_ng_SetRandSeed(ctypes.c_long(0))
        voice = f"{ACCENT}+{speaker.variant}"
        if espeak.espeak_SetVoiceByName(c_char_p(voice.encode())) != 0:
            raise StaaError(f"espeak-ng in {library.parent} has no voice '{voice}'")
        for parameter, value in zip(
            (RATE, VOLUME, PITCH, RANGE, WORDGAP), (prosody.rate, HEADROOM, prosody.pitch, prosody.range, prosody.gap), strict=True
        ):
            espeak.espeak_SetParameter(parameter, value, 0)
        encoded = text.encode()
        espeak.espeak_Synth(c_char_p(encoded), c_size_t(len(encoded) + 1), c_uint(0), CHARACTERS, c_uint(0), c_uint(UTF8), None, None)
        espeak.espeak_Terminate()
    finally:
        ctypes.CDLL(None).dlclose(c_void_p(espeak._handle))
    return np.frombuffer(b"".join(chunks), np.int16), rate


def colour(samples, rate: int, emotion: Emotion):
    """Give espeak's even voice the effort, the trembling and the loudness of an emotion."""
    spectrum = np.fft.rfft(samples / 2**15)
    octaves = np.log2(np.maximum(np.fft.rfftfreq(len(samples), 1 / rate), 500) / 500)
    wave = np.fft.irfft(spectrum * 10 ** (emotion.tilt * octaves / 20), len(samples))
    wave *= 1 + emotion.breath * np.random.default_rng(0).uniform(-1,1,len(wave))
    return np.round(wave * (emotion.peak * 2**15 / np.abs(wave).max())).astype(np.int16)


def encode(samples: np.ndarray[tuple[int], np.dtype[np.int16]], rate: int) -> bytes:
    """The bytes of a mono WAV."""
    buffer = io.BytesIO()
    with soundfile.SoundFile(buffer, "w", rate, 1, "PCM_16", format="WAV") as file:
        file.write(samples)
    return buffer.getvalue()
