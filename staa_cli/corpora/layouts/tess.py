"""TESS (English; Dupuis & Pichora-Fuller, University of Toronto 2010): `OAF_back_angry.wav` is the older woman, word, emotion."""

from __future__ import annotations

import re
from pathlib import Path

from staa_cli.corpora.names import Labels, read_by_name
from staa_cli.corpora.recipe import PrepareRecipe
from staa_cli.corpora.utterance import Listing

EMOTIONS = {
    "angry": "anger",
    "disgust": "disgust",
    "fear": "fear",
    "happy": "happiness",
    "neutral": "neutral",
    "ps": "surprise",
    "sad": "sadness",
}
# One file of the older woman is published as OA_bite_neutral.wav.
NAME = re.compile(r"(?P<speaker>[OY]A)F?_(?P<text>[a-z]+)_(?P<emotion>[a-z]+)")


def parse(stem: str) -> Labels | None:
    match = NAME.fullmatch(stem)
    if match is None or match["emotion"] not in EMOTIONS:
        return None
    return Labels(EMOTIONS[match["emotion"]], match["speaker"] + "F", "female", "en", text=match["text"])


def read(source: Path, recipe: PrepareRecipe) -> Listing:
    return read_by_name(source, parse, "TESS, expected for example OAF_back_angry.wav")
