"""CREMA-D (English; Cao et al., IEEE Transactions on Affective Computing 2014): `AudioWAV/1001_DFA_ANG_XX.wav`.

The fields are actor, sentence, emotion and its intensity.
"""

from __future__ import annotations

import re
from pathlib import Path

from staa_cli.corpora.names import Labels, read_by_name
from staa_cli.corpora.recipe import PrepareRecipe
from staa_cli.corpora.utterance import Listing

EMOTIONS = {"ANG": "anger", "DIS": "disgust", "FEA": "fear", "HAP": "happiness", "NEU": "neutral", "SAD": "sadness"}
NAME = re.compile(r"(?P<speaker>10\d\d)_(?P<text>[A-Z]{3})_(?P<emotion>[A-Z]{3})_(?:LO|MD|HI|XX|X)")
# From VideoDemographics.csv of the corpus: 43 of the actors 1001 to 1091.
FEMALE = frozenset(
    {2, 3, 4, 6, 7, 8, 9, 10, 12, 13, 18, 20, 21, 24, 25, 28, 29, 30, 37, 43, 46, 47, 49, 52, 53, 54, 55, 56, 58, 60, 61, 63}
    | {72, 73, 74, 75, 76, 78, 79, 82, 84, 89, 91}
)


def parse(stem: str) -> Labels | None:
    match = NAME.fullmatch(stem)
    if match is None or match["emotion"] not in EMOTIONS or not 1001 <= int(match["speaker"]) <= 1091:
        return None
    gender = "female" if int(match["speaker"]) - 1000 in FEMALE else "male"
    return Labels(EMOTIONS[match["emotion"]], match["speaker"], gender, "en", text=match["text"])


def read(source: Path, recipe: PrepareRecipe) -> Listing:
    return read_by_name(source, parse, "CREMA-D, expected for example 1001_DFA_ANG_XX.wav")
