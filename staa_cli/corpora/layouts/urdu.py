"""URDU (Latif et al., FIT 2018): `Angry/SM1_F10_A010.wav` is male speaker 1, file 10, emotion A; `SF` are women."""

from __future__ import annotations

import re
from pathlib import Path

from staa_cli.corpora.names import Labels, read_by_name
from staa_cli.corpora.recipe import PrepareRecipe
from staa_cli.corpora.utterance import Listing

EMOTIONS = {"A": "anger", "H": "happiness", "N": "neutral", "S": "sadness"}
NAME = re.compile(r"(?P<speaker>S(?P<gender>[FM])\d+)_F\d+_(?P<emotion>[AHNS])\d+")


def parse(stem: str) -> Labels | None:
    match = NAME.fullmatch(stem)
    if match is None:
        return None
    return Labels(EMOTIONS[match["emotion"]], match["speaker"], "female" if match["gender"] == "F" else "male", "ur")


def read(source: Path, recipe: PrepareRecipe) -> Listing:
    return read_by_name(source, parse, "URDU, expected for example SM1_F10_A010.wav")
