"""The numbers that the STAA-Net paper prints (its tables 1 to 6)."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Collection
from dataclasses import dataclass
from importlib.resources import files

from staa_cli.reporting.model import Cell, Number, Row

PIXEL = "1 (p) is no percentage: one sample, the 'pixel' of the one-pixel attack"


@dataclass(frozen=True)
class Source:
    """One printed table.

    Attributes:
        corpus: the name of its corpus in tables.
        budget: what the paper says of all its attacks.
    """

    number: int
    corpus: str
    file: str
    budget: str | None = None

    @property
    def label(self) -> str:
        """What marks its rows."""
        return f"published: {self.corpus}"

    @property
    def note(self) -> str:
        budget = f", budget {self.budget}" if self.budget else ""
        pixel = f"; {PIXEL}" if any("1 (p)" in row.values() for row in self.rows()) else ""
        return f"{self.label}: as printed in table {self.number} of the STAA-Net paper{budget}{pixel}"

    def rows(self) -> list[Row]:
        """Its rows, by the column names of its CSV file and marked in the column `corpus`."""
        text = (files("staa_cli.reporting") / "published" / self.file).read_text(encoding="utf-8")
        return [
            {"corpus": self.label, "budget": self.budget, **{key: printed(cell) for key, cell in row.items()}}
            for row in csv.DictReader(io.StringIO(text))
        ]


SOURCES = {
    "corpus": (Source(1, "IEMOCAP", "table1_iemocap_distribution.csv"),),
    "victims": (Source(2, "DEMoS", "table2_demos_victims.csv"), Source(3, "IEMOCAP", "table3_iemocap_victims.csv")),
    "attacks": (Source(4, "DEMoS", "table4_demos_attacks.csv", "ε 0.05"), Source(5, "IEMOCAP", "table5_iemocap_attacks.csv", "ε 0.01")),
    "ablation": (Source(6, "DEMoS", "table6_demos_ablation.csv", "ε 0.05"),),
}


def sources_for(name: str, corpora: Collection[str]) -> list[Source]:
    """The printed tables to set beside ours: those on the same corpora where the paper has all of them, else all."""
    sources = SOURCES[name]
    same = [source for source in sources if source.corpus in corpora]
    return same if corpora and {source.corpus for source in same} == set(corpora) else list(sources)


def printed(text: str) -> Cell:
    """A cell of a printed table: a number, nothing, or words such as '1 (p)' and '-inf'."""
    try:
        value = float(text)
    except ValueError:
        return text or None
    if not math.isfinite(value):
        return text
    return Number(int(text) if text.isdecimal() else value, printed=text)
