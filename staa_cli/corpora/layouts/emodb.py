"""Berlin EmoDB (German; Burkhardt et al., Interspeech 2005): `wav/03a01Fa.wav` is speaker 03, text a01, emotion F, version a."""

from __future__ import annotations

import re
from pathlib import Path

from staa_cli.corpora.names import Labels, read_by_name
from staa_cli.corpora.recipe import PrepareRecipe
from staa_cli.corpora.utterance import Listing

EMOTIONS = {"W": "anger", "L": "boredom", "E": "disgust", "A": "fear", "F": "happiness", "T": "sadness", "N": "neutral"}
GENDERS = dict.fromkeys(("03", "10", "11", "12", "15"), "male") | dict.fromkeys(("08", "09", "13", "14", "16"), "female")
NAME = re.compile(r"(?P<speaker>\d\d)(?P<text>[ab]\d\d)(?P<emotion>[WLEAFTN])[a-z]")


def parse(stem: str) -> Labels | None:
    match = NAME.fullmatch(stem)
    if match is None or match["speaker"] not in GENDERS:
        return None
    return Labels(EMOTIONS[match["emotion"]], match["speaker"], GENDERS[match["speaker"]], "de", text=match["text"])


def read(source: Path, recipe: PrepareRecipe) -> Listing:
    return read_by_name(source, parse, "EmoDB, expected for example 03a01Fa.wav")
