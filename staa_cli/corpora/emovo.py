"""EMOVO (Italian; Costantini et al., LREC 2014): `f1/gio-f1-b1.wav` is joy, speaker f1, sentence b1."""

from __future__ import annotations

import re
from pathlib import Path

from staa_cli.corpora.utterance import Listing, Utterance, audio_files

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


def read(source: Path) -> Listing:
    listing = Listing([])
    for path in audio_files(source):
        match = NAME.fullmatch(path.stem)
        if match is None or match["emotion"] not in EMOTIONS:
            listing.problems.append(f"{path} is no EMOVO name, expected for example gio-f1-b1.wav")
            continue
        gender = "female" if match["speaker"][0] == "f" else "male"
        listing.utterances.append(
            Utterance(path, str(path.relative_to(source)), EMOTIONS[match["emotion"]], match["speaker"], gender, "it")
        )
    return listing
