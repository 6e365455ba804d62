"""Any corpus that a CSV describes: columns `file,emotion,speaker`, and if known `gender,language,split`. Paths are relative to the CSV."""

from __future__ import annotations

import csv
from pathlib import Path

from staa_cli.corpora.utterance import Listing, Utterance
from staa_cli.runtime.errors import UsageError, suggestion

REQUIRED = ("file", "emotion", "speaker")
OPTIONAL = ("gender", "language", "split")
SPLITS = ("train", "val", "test")


def read(source: Path) -> Listing:
    """Read the table; a row without a file, emotion or speaker is a problem of its own.

    Raises:
        UsageError: no CSV, or a required column is missing.
    """
    if source.is_dir():
        raise UsageError(f"{source} is a folder, expected a CSV file with the columns {', '.join(REQUIRED)}")
    listing = Listing([])
    try:
        with source.open(newline="", encoding="utf-8-sig", errors="surrogateescape") as file:
            rows = csv.DictReader(file)
            columns = rows.fieldnames or []
            for column in REQUIRED:
                if column not in columns:
                    raise UsageError(
                        f"{source} has no column '{column}' (found: {', '.join(columns) or 'none'}){suggestion(column, columns)}"
                    )
            for row in rows:
                place = f"{source} line {rows.line_num}"
                values = {name: (row.get(name) or "").strip() for name in (*REQUIRED, *OPTIONAL)}
                empty = [name for name in REQUIRED if not values[name]]
                if empty:
                    listing.problems.append(f"{place}: no value for {', '.join(empty)}")
                elif values["split"] not in ("", *SPLITS):
                    listing.problems.append(f"{place}: unknown split '{values['split']}', expected one of {', '.join(SPLITS)}")
                else:
                    listing.utterances.append(utterance(source.parent, values))
    except csv.Error as error:
        raise UsageError(f"{source} is no readable CSV: {error}") from None
    return listing


def utterance(folder: Path, values: dict[str, str]) -> Utterance:
    """One row. A file outside the CSV's folder keeps its path's tail as its name, so that its copy stays inside the output."""
    path = folder / values["file"]
    parts = [part for part in Path(values["file"]).parts if part not in ("..", "/", ".")]
    return Utterance(
        path,
        str(Path(*parts)),
        values["emotion"],
        values["speaker"],
        values["gender"],
        values["language"],
        values["split"],
    )
