"""Tables as text: for terminals, Markdown, LaTeX, CSV and JSON."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.cells import cell_len
from rich.console import Console

from staa_cli.reporting.latex import PREAMBLE, latex
from staa_cli.reporting.model import Column, Number, Row, Table
from staa_cli.reporting.terminal import as_rich
from staa_cli.reporting.text import cell_text
from staa_cli.runtime.errors import UsageError, unknown

__all__ = ["FORMATS", "PAGE", "as_data", "as_rich", "format_of", "render"]

WIDTH = 10_000
"""Of the page that a table without an edge is laid out for, in characters: nothing may be cut."""
SPREAD = {"": "", "_std": ", standard deviation", "_runs": ", runs"}
"""What the machine formats say of a mean: the end of a column's key and of its title."""
BESIDE = {
    "_placebo": ", placebo",
    "_lift": ", points above the placebo",
    "_low": ", lower end of the 95 % interval",
    "_high": ", upper end of the 95 % interval",
}
"""The same of a success rate."""
SUFFIXES = {".txt": "rich", ".md": "markdown", ".tex": "latex", ".csv": "csv", ".json": "json", ".html": "html"}
"""What a file's name says of its format."""
PAGE = "html"
"""The format that is more than tables; see `page.build`."""
FORMATS = tuple(format for format in SUFFIXES.values() if format != PAGE)


def format_of(path: Path) -> str:
    """What the end of a file's name says of its format; without an end it is Markdown.

    Raises:
        UsageError: it ends in what we do not write.
    """
    suffix = path.suffix.lower()
    if suffix and suffix not in SUFFIXES:
        raise UsageError(f"{path} ends in '{path.suffix}', expected one of {', '.join(SUFFIXES)}", "format")
    return SUFFIXES.get(suffix, "markdown")


def render(tables: Sequence[Table], format: str) -> str:
    """Tables as text that ends in a newline, of any width: nothing is cut or wrapped.

    Raises:
        UsageError: an unknown format, or tables of several kinds as CSV.
    """
    match format:
        case "rich":
            return "\n".join(plain(table) for table in tables)
        case "markdown":
            return "\n".join(markdown(table) for table in tables)
        case "latex":
            return "\n\n".join([PREAMBLE, *(latex(table) for table in tables)]) + "\n"
        case "csv":
            return comma_separated(tables)
        case "json":
            return json.dumps(as_data(tables), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
        case _:
            raise unknown("format", format, FORMATS)


def plain(table: Table) -> str:
    """What a terminal without an edge would show."""
    console = Console(file=io.StringIO(), width=WIDTH, color_system=None, force_terminal=False, legacy_windows=False)
    with console.capture() as capture:
        console.print(as_rich(table))
    return "".join(f"{line.rstrip()}\n" for line in capture.get().rstrip().splitlines())


def markdown(table: Table) -> str:
    """A heading, a pipe table set in columns, and the notes as a list."""
    columns = table.shown
    cells = [[pipe_text(column.title) for column in columns]]
    cells += [[pipe_text(cell_text(row.get(column.key), column.kind)) for column in columns] for row in table.rows]
    widths = [max(3, *(cell_len(line[index]) for line in cells)) for index in range(len(columns))]
    rule = [f"{'-' * (width - 1)}:" if column.kind != "text" else "-" * width for column, width in zip(columns, widths, strict=True)]
    lines = [aligned(cells[0], columns, widths), rule, *(aligned(line, columns, widths) for line in cells[1:])]
    body = "".join(f"| {' | '.join(line)} |\n" for line in lines)
    notes = "".join(f"- {pipe_text(note)}\n" for note in table.notes)
    return f"### {pipe_text(table.title)}\n\n{body}" + (f"\n{notes}" if notes else "")


def pipe_text(text: str) -> str:
    """Text without what Markdown takes for markup."""
    for character in "\\|*`<":
        text = text.replace(character, f"\\{character}")
    return " ".join(text.split())


def aligned(cells: Sequence[str], columns: Sequence[Column], widths: Sequence[int]) -> list[str]:
    pads = [" " * (width - cell_len(cell)) for cell, width in zip(cells, widths, strict=True)]
    return [cell + pad if column.kind == "text" else pad + cell for cell, pad, column in zip(cells, pads, columns, strict=True)]


def fields(tables: Sequence[Table]) -> list[str]:
    """The columns of the machine formats: of means also their deviation and the number of runs, of success rates what is beside them."""
    keys = dict.fromkeys(column.key for table in tables for column in table.columns)
    numbers = [(key, cell) for table in tables for row in table.rows for key, cell in row.items() if isinstance(cell, Number)]
    means = {key for key, cell in numbers if cell.std is not None}
    rates = {key for key, cell in numbers if cell.beside is not None}
    ends = {key: [*(SPREAD if key in means else [""]), *(BESIDE if key in rates else [])] for key in keys}
    return [key + end for key, found in ends.items() for end in found]


def value(row: Row, name: str, keys: set[str]) -> str | float | None:
    """The entry of a machine format's column, at full precision."""
    if name in keys:
        cell = row.get(name)
        return cell.value if isinstance(cell, Number) else cell
    key, _, what = name.rpartition("_")
    cell = row.get(key)
    if not isinstance(cell, Number) or cell.printed is not None:
        return None
    if f"_{what}" in BESIDE:
        found: float | None = getattr(cell.beside, what, None)
        return found
    return cell.std if what == "std" else cell.runs


def comma_separated(tables: Sequence[Table]) -> str:
    """One header, then the rows of all tables, which must be of one kind; an empty field is a missing value."""
    kinds = dict.fromkeys(table.name for table in tables)
    if len(kinds) > 1:
        raise UsageError(f"CSV holds one kind of table, these runs fill {', '.join(kinds)}", "table")
    names = fields(tables)
    keys = {column.key for table in tables for column in table.columns}
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([value(row, name, keys) for name in names] for table in tables for row in table.rows)
    return text.getvalue()


def as_data(tables: Sequence[Table]) -> list[dict[str, Any]]:
    """The tables as JSON values: numbers as numbers, None where a value is missing."""
    data = []
    for table in tables:
        keys = {column.key for column in table.columns}
        titles = {column.key + suffix: column.title + words for column in table.columns for suffix, words in (SPREAD | BESIDE).items()}
        names = fields([table])
        data.append(
            {
                "table": table.name,
                "title": table.title,
                "columns": [{"key": name, "title": titles[name]} for name in names],
                "rows": [{name: value(row, name, keys) for name in names} for row in table.rows],
                "notes": list(table.notes),
            }
        )
    return data
