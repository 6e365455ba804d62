"""What a table is, before any format."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Literal


@dataclass(frozen=True)
class Beside:
    """What a success rate is to be read beside; None where its run does not say.

    Attributes:
        placebo: the success rate of the placebo, in percent.
        lift: how many points the rate lies above it.
        low, high: the 95 % interval of the rate, in percent; of a single run.
    """

    placebo: float | None = None
    lift: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Number:
    """A number in a cell: of one run, or the mean over several.

    Attributes:
        std: the standard deviation (n − 1) over `runs` runs; None for a single one.
        printed: the digits that a paper prints, to be quoted as they are.
        beside: of a success rate of ours.
    """

    value: float
    std: float | None = None
    runs: int = 1
    printed: str | None = None
    beside: Beside | None = None


Cell = Number | str | None
Row = dict[str, Cell]
"""Cells by the key of their column; an absent key is an empty cell."""

RUNS, SEPARATOR = "runs", "; "
"""The key of the column that names the folders of the runs that a row's numbers come from, and what stands between them."""

Kind = Literal["text", "count", "decimal", "interval", "seconds", "p"]
"""What a column holds. `interval`: decimals, each with its interval; `p`: probabilities."""
INTERVAL = "In square brackets: the 95 % interval of a single run's rate (Wilson)"


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
        name: the kind of table, as in `tables.TABLES`.
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


def filled(columns: Iterable[Column], rows: Iterable[Row]) -> list[Column]:
    """The columns that hold something."""
    rows = list(rows)
    return [column for column in columns if any(row.get(column.key) is not None for row in rows)]


def with_intervals(table: Table) -> Table:
    """The same numbers, those that have an interval with it."""
    rated = {key for row in table.rows for key, cell in row.items() if isinstance(cell, Number) and cell.beside is not None}
    if not rated:
        return table
    columns = [replace(column, kind="interval") if column.key in rated else column for column in table.columns]
    return replace(table, columns=columns, notes=[*table.notes, INTERVAL])


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
