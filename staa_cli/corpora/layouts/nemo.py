"""nEMO (Polish; Christop, LREC-COLING 2024): `samples/SB0_anger_1.wav` with speaker, emotion and sentence, and `data.tsv` with genders."""

from __future__ import annotations

import csv
import re
from pathlib import Path

from staa_cli.corpora.names import Labels, read_by_name
from staa_cli.corpora.recipe import PrepareRecipe
from staa_cli.corpora.utterance import Listing
from staa_cli.runtime.errors import UsageError

EMOTIONS = {
    "anger": "anger",
    "fear": "fear",
    "happiness": "happiness",
    "neutral": "neutral",
    "sadness": "sadness",
    "surprised": "surprise",
}
NAME = re.compile(r"(?P<speaker>[A-Za-z0-9]+)_(?P<emotion>[a-z]+)_(?P<text>\d+)")


def parse(stem: str, genders: dict[str, str]) -> Labels | None:
    match = NAME.fullmatch(stem)
    if match is None or match["emotion"] not in EMOTIONS:
        return None
    return Labels(EMOTIONS[match["emotion"]], match["speaker"], genders.get(match["speaker"], ""), "pl", text=match["text"])


def read(source: Path, recipe: PrepareRecipe) -> Listing:
    genders = read_genders(source)
    listing = read_by_name(source, lambda stem: parse(stem, genders), "nEMO, expected for example SB0_anger_1.wav")
    unknown = sorted({one.speaker for one in listing.utterances} - genders.keys())
    if genders and unknown:
        listing.warnings.append(
            f"data.tsv names {', '.join(sorted(genders)[:5])}, but not {', '.join(unknown[:5])}: their gender is unknown"
        )
    return listing


def read_genders(source: Path) -> dict[str, str]:
    """The gender of every speaker; without the table, of none.

    Raises:
        UsageError: the table has other columns.
    """
    table = source / "data.tsv"
    if not table.is_file():
        return {}
    with table.open(newline="", encoding="utf-8", errors="surrogateescape") as file:
        rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        missing = {"speaker_id", "gender"} - set(rows.fieldnames or ())
        if missing:
            raise UsageError(f"{table} has no column {' and '.join(sorted(missing))}, expected the data.tsv of nEMO")
        # The corpus as published pads this column with blanks.
        return {(row["speaker_id"] or "").strip(): (row["gender"] or "").strip() for row in rows}
