"""The table of a prepared corpus."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from staa_cli.runtime.errors import UsageError
from staa_cli.runtime.folders import read_metrics, write_text
from staa_cli.runtime.provenance import hash_bytes

MANIFEST = "manifest.csv"


@dataclass(frozen=True)
class Row:
    """One utterance of a prepared corpus; `file` is relative to the manifest."""

    file: str
    emotion: str
    speaker: str
    gender: str
    language: str
    split: str
    seconds: float


COLUMNS = tuple(field.name for field in fields(Row))


@dataclass(frozen=True)
class Manifest:
    """A prepared corpus.

    Attributes:
        labels: all its emotions, sorted: the order of every victim's logits.
    """

    folder: Path
    rows: list[Row]
    sha256: str

    @property
    def labels(self) -> list[str]:
        return sorted({row.emotion for row in self.rows})

    def identity(self) -> dict[str, Any]:
        """What `metrics.json` says of a run's input. The manifest stands for the audio, which `prepare` wrote with it."""
        return {"corpus": corpus_name(self.folder), "count": len(self.rows), "sha256": self.sha256}

    def split(self, *names: str) -> list[Row]:
        return [row for row in self.rows if row.split in names]


def corpus_name(folder: Path) -> str:
    """The name of the corpus that a prepared folder was made of."""
    return str(read_metrics(folder)["summary"]["corpus"])


def write_manifest(folder: Path, rows: Iterable[Row]) -> None:
    records = [{**asdict(row), "seconds": f"{row.seconds:.4f}"} for row in rows]
    # Before Python 3.13 a carriage return is no reason to quote, yet ends a line when it is read.
    unusual = any("\r" in value for record in records for value in record.values())
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n", quoting=csv.QUOTE_ALL if unusual else csv.QUOTE_MINIMAL)
    writer.writeheader()
    writer.writerows(records)
    write_text(folder / MANIFEST, text.getvalue())


def is_prepared(folder: Path) -> bool:
    return (folder / MANIFEST).is_file()


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of a folder that `staa prepare` made.

    Raises:
        UsageError: there is none, a column or value is missing, or a file lies outside the folder.
    """
    path = folder / MANIFEST
    if not path.is_file():
        what = "does not exist" if not folder.exists() else f"holds no {MANIFEST}"
        raise UsageError(f"{folder} {what}, expected a folder made by 'staa prepare'")
    data = path.read_bytes()
    rows = csv.DictReader(io.StringIO(data.decode("utf-8", "surrogateescape"), newline=""))
    if tuple(rows.fieldnames or ()) != COLUMNS:
        raise UsageError(f"{path} has the columns {', '.join(rows.fieldnames or ['none'])}, expected {', '.join(COLUMNS)}")
    try:
        parsed = [Row(**{**row, "seconds": float(row["seconds"])}) for row in rows]  # type: ignore[arg-type]
    except (ValueError, TypeError) as error:
        raise UsageError(f"{path} line {rows.line_num} is damaged: {error}") from None
    for row in parsed:
        # Results mirror these names: they must not leave the output folder.
        if not Path(row.file).name or Path(row.file).is_absolute() or ".." in Path(row.file).parts:
            raise UsageError(f"{path} names the file '{row.file}', expected paths below {folder}; make it again with 'staa prepare'")
    return Manifest(folder, parsed, hash_bytes(data))
