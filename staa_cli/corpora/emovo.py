"""EMOVO (Italian; Costantini et al., LREC 2014): `f1/gio-f1-b1.wav` is joy, speaker f1, sentence b1."""

from __future__ import annotations

import re
from pathlib import Path

from staa_cli.corpora.names import Labels, read_by_name
from staa_cli.corpora.utterance import Listing

EMOTIONS = {
    "rab": "anger",
    "gio": "happiness",
    "tri": "sadness",
    "neu": "neutral",
    "pau": "fear",
    "dis": "disgust",
    "sor": "surprise",
}
NAME = re.compile(r"(?P<emotion>[a-z]{3})-(?P<speaker>[fm][123])-(?P<text>[a-z]\d?)")


def parse(stem: str) -> Labels | None:
    match = NAME.fullmatch(stem)
    if match is None or match["emotion"] not in EMOTIONS:
        return None
    return Labels(EMOTIONS[match["emotion"]], match["speaker"], "female" if match["speaker"][0] == "f" else "male", "it")


def read(source: Path) -> Listing:
    return read_by_name(source, parse, "EMOVO, expected for example gio-f1-b1.wav")
