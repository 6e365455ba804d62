"""DEMoS (Italian; Parada-Cabaleiro et al., Language Resources and Evaluation 2020): `NP_f_43_pau05b.wav`.

The fields are prototypicality (PR or NP), gender, speaker, and emotion with the number of the sample.
"""

from __future__ import annotations

import re
from pathlib import Path

from staa_cli.corpora.italian import EMOTIONS
from staa_cli.corpora.names import Labels, read_by_name
from staa_cli.corpora.recipe import PrepareRecipe
from staa_cli.corpora.utterance import Listing

# The neutral samples lie in a folder of their own, some without a word on prototypicality.
NAME = re.compile(r"(?:(?:NP|PR)_)?(?P<gender>[fm])_(?P<speaker>\d\d)_(?P<emotion>[a-z]{3})\d+[a-z]*")


def parse(stem: str) -> Labels | None:
    match = NAME.fullmatch(stem)
    if match is None or match["emotion"] not in EMOTIONS:
        return None
    return Labels(EMOTIONS[match["emotion"]], match["speaker"], "female" if match["gender"] == "f" else "male", "it")


def read(source: Path, recipe: PrepareRecipe) -> Listing:
    return read_by_name(source, parse, "DEMoS, expected for example NP_f_43_pau05b.wav")
