"""SAVEE (English; Jackson & Haq, University of Surrey 2014): `AudioData/DC/a01.wav`, or `DC_a01.wav` where all lie in one folder."""

from __future__ import annotations

import re
from pathlib import Path

from staa_cli.corpora.names import Labels, read_by_name
from staa_cli.corpora.recipe import PrepareRecipe
from staa_cli.corpora.utterance import Listing

EMOTIONS = {
    "a": "anger",
    "d": "disgust",
    "f": "fear",
    "h": "happiness",
    "n": "neutral",
    "sa": "sadness",
    "su": "surprise",
}
NAME = re.compile(r"(?:[^/]*/)?(?P<speaker>DC|JE|JK|KL)[_/](?P<emotion>a|d|f|h|n|sa|su)\d\d")


def parse(name: str) -> Labels | None:
    match = NAME.fullmatch(name)
    return None if match is None else Labels(EMOTIONS[match["emotion"]], match["speaker"], "male", "en")


def read(source: Path, recipe: PrepareRecipe) -> Listing:
    example = "SAVEE, expected for example DC/a01.wav or DC_a01.wav"
    return read_by_name(source, parse, example, name=lambda path: f"{path.parent.name}/{path.stem}")
