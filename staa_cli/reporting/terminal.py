"""Tables for terminals of any width, in which no number is ever cut."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from textwrap import wrap

from rich import box
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, JustifyMethod, RenderableType
from rich.table import Table as RichTable
from rich.text import Text

from staa_cli.reporting.model import Column, Table, split_rows
from staa_cli.reporting.text import cell_parts

GLUE = "\N{NO-BREAK SPACE}"
UNIT = re.compile(r"(?<=\d) (?=(?:%|dB|looks?)(?:\s|$))")


@dataclass(frozen=True)
class Style:
    """How densely a table is set.

    Attributes:
        gap: spaces between columns.
        broken: words of headings and names may go below one another, and names that repeat above a row's are left out.
        stacked: what follows a number goes on lines of its own: ± and what is beside it.
    """

    gap: int
    broken: bool = False
    stacked: bool = False


ROOMY, DENSE, DENSEST = Style(2), Style(1, broken=True), Style(1, broken=True, stacked=True)


def as_rich(table: Table) -> RenderableType:
    """Title, table, notes and an empty line, laid out when printed, for the width of the console.

    The first layout that fits is taken: columns for val and test; the same in a denser style; rows for val and test in place of
    columns; at last, several tables of fewer columns each, below one another.
    """
    return Fitted(table)


@dataclass(frozen=True)
class Fitted:
    table: Table

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        yield Text(self.table.title, style="bold")
        for index, (part, style) in enumerate(fit(self.table, options.max_width)):
            if index:
                yield ""
            yield grid(part, style, options.max_width)
        for note in self.table.notes:
            yield Text(note, style="dim")
        yield ""


def fit(table: Table, width: int) -> list[tuple[Table, Style]]:
    """The table in the roomiest layout that `width` allows, or its parts."""
    form = table
    for form in [table, split_rows(table)] if any(column.split for column in table.shown) else [table]:
        for style in (ROOMY, DENSE, DENSEST):
            if least_width(form, style) <= width:
                return [(form, style)]
    labels = [column for column in form.shown if column.kind == "text"]
    parts: list[list[Column]] = []
    for column in form.shown:
        if column.kind == "text":
            continue
        if parts and least_width(replace(form, columns=[*labels, *parts[-1], column]), DENSEST) <= width:
            parts[-1].append(column)
        else:
            parts.append([column])
    return [(replace(form, columns=[*labels, *part]), DENSEST) for part in parts]


def least_width(table: Table, style: Style) -> int:
    """The width below which a number, or a word, would break."""
    return sum(widths(table, column, style)[0] for column in table.shown) + style.gap * (len(table.shown) - 1)


def widths(table: Table, column: Column, style: Style) -> tuple[int, int]:
    """The least and the best width of a column."""
    title = heading(column, style)
    cells = texts(table, column, style)
    best = max(cell_len(line) for text in (title, *cells) for line in text.split("\n"))
    if column.kind != "text" or not style.broken:
        return best, best
    return max(cell_len(word) for text in (title, *cells) for word in re.split("[ \n]+", glued(text))), best


def glued(text: str) -> str:
    """Numbers held to their units, which stay on their line."""
    return UNIT.sub(GLUE, text)


def wrapped(text: str, width: int) -> str:
    """A name on as many lines as it takes."""
    lines = [line for part in text.split("\n") for line in wrap(glued(part), width, break_on_hyphens=False) or [""]]
    return "\n".join(lines).replace(GLUE, " ")


def heading(column: Column, style: Style) -> str:
    lines = "\n".join(part for part in (column.group, column.heading) if part)
    return lines.replace(" ", "\n") if style.broken else lines


def texts(table: Table, column: Column, style: Style) -> list[str]:
    between = "\n" if style.stacked else " "
    return [between.join(cell_parts(row.get(column.key), column.kind)) for row in table.rows]


def grid(table: Table, style: Style, width: int) -> RichTable:
    """The rich table, its columns of fixed widths: rich would narrow numbers as readily as words. Where nothing fits, names are broken."""
    chosen: list[int] = []
    spare = max(0, width - least_width(table, style))
    breaks = least_width(table, style) > width
    for least, best in reversed([widths(table, column, style) for column in table.shown]):
        chosen.insert(0, least + min(spare, best - least))
        spare -= chosen[0] - least
    result = RichTable(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, style.gap - 1, 0, 0))
    for column, chosen_width in zip(table.shown, chosen, strict=True):
        named = column.kind == "text"
        justify: JustifyMethod = "left" if named else "right"
        result.add_column(Text(heading(column, style)), justify=justify, width=None if named and breaks else chosen_width, overflow="fold")
    for index, cells in enumerate(zip(*(texts(table, column, style) for column in table.shown), strict=True)):
        if table.starts_section(index):
            result.add_section()
        repeats = style.broken and index > 0 and not table.starts_section(index)
        shown = ["" if repeats and column.key in table.sections else cell for column, cell in zip(table.shown, cells, strict=True)]
        whole = [breaks or column.kind != "text" for column in table.shown]
        result.add_row(*(Text(cell if kept else wrapped(cell, room)) for cell, room, kept in zip(shown, chosen, whole, strict=True)))
    return result
