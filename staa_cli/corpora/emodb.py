"""Berlin EmoDB (German; Burkhardt et al., Interspeech 2005): `wav/03a01Fa.wav` is speaker 03, text a01, emotion F, version a."""

from __future__ import annotations

import re
from pathlib import Path

from staa_cli.corpora.utterance import Listing, Utterance, audio_files

EMOTIONS = {"W": "anger", "L": "boredom", "E": "disgust", "A": "fear", "F": "happiness", "T": "sadness", "N": "neutral"}
MALE = frozenset({"03", "10", "11", "12", "15"})
FEMALE = frozenset({"08", "09", "13", "14", "16"})
NAME = re.compile(r"(?P<speaker>\d\d)[ab]\d\d(?P<emotion>[WLEAFTN])[a-z]")


def read(source: Path) -> Listing:
    listing = Listing([])
    for path in audio_files(source):
        match = NAME.fullmatch(path.stem)
        if match is None or match["speaker"] not in MALE | FEMALE:
            listing.problems.append(f"{path} is no EmoDB name, expected for example 03a01Fa.wav")
            continue
        gender = "male" if match["speaker"] in MALE else "female"
        listing.utterances.append(
            Utterance(path, str(path.relative_to(source)), EMOTIONS[match["emotion"]], match["speaker"], gender, "de")
        )
    return listing
