"""IEMOCAP (English; Busso et al., Language Resources and Evaluation 2008), in the folders that it comes in.

`Session1/dialog/EmoEvaluation/Ses01F_impro01.txt` holds a line `[6.2901 - 8.2357]  Ses01F_impro01_F000  neu  [2.5000, 2.5000, 2.5000]`
for each utterance, whose audio is `Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_F000.wav`.
"""

from __future__ import annotations

import re
from pathlib import Path

from staa_cli.corpora.recipe import PrepareRecipe
from staa_cli.corpora.utterance import Listing, Utterance

EMOTIONS = {
    "ang": "anger",
    "dis": "disgust",
    "exc": "excitement",
    "fea": "fear",
    "fru": "frustration",
    "hap": "happiness",
    "neu": "neutral",
    "oth": "other",
    "sad": "sadness",
    "sur": "surprise",
}
UNDECIDED = "xxx"
# The letter before the number is who speaks, the one after the session wore the markers of motion capture.
LINE = re.compile(
    r"^\[[\d. -]+\]\s+(?P<name>Ses(?P<session>\d\d)[FM]_\w+_(?P<gender>[FM])(?:XX)?\d+)\s+(?P<emotion>[a-z]{3})\s", re.MULTILINE
)


def read(source: Path, recipe: PrepareRecipe) -> Listing:
    listing = Listing([])
    tables = sorted(source.glob("Session*/dialog/EmoEvaluation/*.txt"))
    if not tables:
        listing.problems.append(f"{source} has no Session1/dialog/EmoEvaluation/*.txt, where IEMOCAP keeps its labels")
    for table in tables:
        if table.name.startswith("."):
            continue  # some copies carry the resource forks of another system
        for match in LINE.finditer(table.read_text(encoding="utf-8", errors="replace")):
            session, name, gender = match["session"].lstrip("0"), match["name"], match["gender"]
            path = table.parents[2] / "sentences" / "wav" / name.rpartition("_")[0] / f"{name}.wav"
            if match["emotion"] == UNDECIDED:
                listing.left_out["no emotion that most annotators agree on"] += 1
            elif match["emotion"] not in EMOTIONS:
                listing.problems.append(f"{table} gives {name} the emotion '{match['emotion']}', expected one of {', '.join(EMOTIONS)}")
            else:
                sex = "female" if gender == "F" else "male"
                listing.utterances.append(
                    Utterance(path, str(path.relative_to(source)), EMOTIONS[match["emotion"]], f"{session}{gender}", sex, "en", session)
                )
    return listing
