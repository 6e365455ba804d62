"""RAVDESS (English; Livingstone & Russo, PLoS ONE 2018): `Actor_01/03-01-05-02-01-01-01.wav`.

The seven fields are modality (03 audio), channel (01 speech, 02 song), emotion, intensity, statement, repetition and actor (odd: male).
"""

from __future__ import annotations

import re
from pathlib import Path

from pydantic import Field

from staa_cli.corpora.names import Labels, LeftOut, read_by_name
from staa_cli.corpora.recipe import PrepareRecipe
from staa_cli.corpora.utterance import Listing
from staa_cli.runtime.schema import Strict, Switch

EMOTIONS = {
    "01": "neutral",
    "02": "calm",
    "03": "happiness",
    "04": "sadness",
    "05": "anger",
    "06": "fear",
    "07": "disgust",
    "08": "surprise",
}
NAME = re.compile(r"03-(?P<channel>0[12])-(?P<emotion>0[1-8])-0[12]-(?P<text>0[12])-0[12]-(?P<speaker>\d\d)")


class Options(Strict):
    """RAVDESS has sung utterances too."""

    song: Switch = Field(False, description="take the sung utterances too")


def parse(stem: str, song: bool) -> Labels | LeftOut | None:
    match = NAME.fullmatch(stem)
    if match is None:
        return None
    if match["channel"] == "02" and not song:
        return LeftOut("song (take it with 'ravdess: {song: on}')")
    gender = "male" if int(match["speaker"]) % 2 else "female"
    return Labels(EMOTIONS[match["emotion"]], match["speaker"], gender, "en", text=match["text"])


def read(source: Path, recipe: PrepareRecipe) -> Listing:
    options: Options = recipe.options
    return read_by_name(source, lambda stem: parse(stem, options.song), "RAVDESS, expected for example 03-01-05-02-01-01-01.wav")
