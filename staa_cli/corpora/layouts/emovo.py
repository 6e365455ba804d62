"""EMOVO (Italian; Costantini et al., LREC 2014): `f1/gio-f1-b1.wav` is joy, speaker f1, sentence b1.

The original is a spaced stereo pair, whose mean comb-filters the voice: its recipe takes one channel.
"""

from __future__ import annotations

import re
from pathlib import Path

from staa_cli.corpora.italian import EMOTIONS
from staa_cli.corpora.names import Labels, read_by_name
from staa_cli.corpora.recipe import PrepareRecipe
from staa_cli.corpora.utterance import Listing

NAME = re.compile(r"(?P<emotion>[a-z]{3})-(?P<speaker>[fm][123])-(?P<text>[a-z]\d?)")


def parse(stem: str) -> Labels | None:
    match = NAME.fullmatch(stem)
    if match is None or match["emotion"] not in EMOTIONS or match["emotion"] == "col":
        return None
    gender = "female" if match["speaker"][0] == "f" else "male"
    return Labels(EMOTIONS[match["emotion"]], match["speaker"], gender, "it", text=match["text"])


def read(source: Path, recipe: PrepareRecipe) -> Listing:
    return read_by_name(source, parse, "EMOVO, expected for example gio-f1-b1.wav")
