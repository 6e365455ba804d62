"""What a table is, before any format."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal


@dataclass(frozen=True)
class Number:
    """A number in a cell: of one run, or the mean over several.

    Attributes:
        std: the standard deviation (n − 1) over `runs` runs; None for a single one.
        printed: the digits that a paper prints, to be quoted as they are.
    """

    value: float
    std: float | None = None
    runs: int = 1
    printed: str | None = None


Cell = Number | str | None
Row = dict[str, Cell]
"""Cells by the key of their column; an absent key is an empty cell."""

Kind = Literal["text", "count", "decimal", "seconds"]


@dataclass(frozen=True)
class Column:
    """One column; neighbours with the same `group` share a heading above their own.

    Attributes:
        key: its name in CSV and JSON.
        split: the part of the corpus that its numbers belong to, if to one.
        shown: False for what tells rows apart in no case but this table's title or notes; CSV and JSON carry it all the same.
    """

    key: str
    heading: str
    group: str = ""
    split: str = ""
    kind: Kind = "text"
    shown: bool = True

    @property
    def title(self) -> str:
        return f"{self.group} {self.heading}".strip()

    @property
    def measure(self) -> str:
        """What the column measures, whatever the split: the half of its title that is not the split."""
        return self.group if self.split and self.heading == self.split.capitalize() else self.heading


@dataclass
class Table:
    """Rows under columns, with a title and notes.

    Attributes:
        name: the kind of table, as in `staa report --table`.
        sections: keys of the columns at whose change a rule is drawn.
    """

    title: str
    columns: list[Column]
    rows: list[Row]
    notes: list[str] = field(default_factory=list)
    name: str = ""
    sections: tuple[str, ...] = ()

    @property
    def shown(self) -> list[Column]:
        return [column for column in self.columns if column.shown]

    def starts_section(self, index: int) -> bool:
        """Whether a rule belongs above row `index`."""
        return index > 0 and any(self.rows[index].get(key) != self.rows[index - 1].get(key) for key in self.sections)


def split_rows(table: Table) -> Table:
    """The same numbers, narrower: a row for each split in place of columns for each split."""
    labels = [column for column in table.shown if column.kind == "text"]
    numbers = [column for column in table.shown if column.kind != "text"]
    splits = list(dict.fromkeys(column.split for column in numbers))
    measures = {column.measure: replace(column, key=column.measure, heading=column.measure, group="", split="") for column in numbers}
    rows: list[Row] = []
    for row in table.rows:
        identity = {key: row.get(key) for key in {*table.sections, *(label.key for label in labels)}}
        parts = {split: {column.measure: row.get(column.key) for column in numbers if column.split == split} for split in splits}
        filled = {split: cells for split, cells in parts.items() if any(cell is not None for cell in cells.values())} or parts
        rows += [{**identity, "split": split or None, **cells} for split, cells in filled.items()]
    return replace(table, columns=[*labels, Column("split", "Split"), *measures.values()], rows=rows)
