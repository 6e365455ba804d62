"""Any corpus that a CSV describes: columns `file,emotion,speaker`, and if known `gender,language,session,text,split`.

Paths are relative to the CSV.
"""

from __future__ import annotations

import csv
from pathlib import Path

from staa_cli.corpora.recipe import PrepareRecipe
from staa_cli.corpora.splits import SPLITS
from staa_cli.corpora.utterance import Listing, Utterance
from staa_cli.runtime.errors import UsageError, suggestion

SOURCE = "CSV file"
REQUIRED = ("file", "emotion", "speaker")
OPTIONAL = ("gender", "language", "session", "text", "split")


def read(source: Path, recipe: PrepareRecipe) -> Listing:
    """Read the table; a row without a file, emotion or speaker, or with a file that stood before, is a problem of its own.

    Raises:
        UsageError: no CSV, or a required column is missing.
    """
    if source.is_dir():
        raise UsageError(f"{source} is a folder, expected a CSV file with the columns {', '.join(REQUIRED)}")
    listing = Listing([])
    seen: set[Path] = set()
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
                path = source.parent / values["file"]
                if empty:
                    listing.problems.append(f"{place}: no value for {', '.join(empty)}")
                elif "\0" in values["file"]:
                    listing.problems.append(f"{place}: the path holds a NUL byte")
                elif path in seen:
                    listing.problems.append(f"{place}: {values['file']} stands in an earlier line already; this line is left out")
                elif not path.name or path.name == "..":
                    listing.problems.append(f"{place}: '{values['file']}' is a folder, expected a file")
                elif values["split"] not in ("", *SPLITS):
                    listing.problems.append(f"{place}: unknown split '{values['split']}', expected one of {', '.join(SPLITS)}")
                else:
                    seen.add(path)
                    listing.utterances.append(utterance(path, values))
    except csv.Error as error:
        raise UsageError(f"{source} is no readable CSV: {error}") from None
    return listing


def utterance(path: Path, values: dict[str, str]) -> Utterance:
    """One row. A file outside the CSV's folder keeps its path's tail as its name, so that its copy stays inside the output."""
    parts = [part for part in Path(values["file"]).parts if part not in ("..", "/", ".")]
    return Utterance(
        path,
        str(Path(*parts)),
        values["emotion"],
        values["speaker"],
        values["gender"],
        values["language"],
        values["session"],
        values["text"],
        values["split"],
    )
