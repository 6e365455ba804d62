"""Tables for LaTeX, ruled by booktabs."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from staa_cli.reporting.model import Column, Table
from staa_cli.reporting.text import cell_text

PREAMBLE = "% needs \\usepackage{booktabs}"
ESCAPES = str.maketrans(
    {
        **{character: f"\\{character}" for character in "&%$#_{}"},
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "±": r"$\pm$",
        "ε": r"$\varepsilon$",
        "−": "$-$",
        "–": "--",
    }
)


def escape(text: str) -> str:
    return text.translate(ESCAPES)


def latex(table: Table) -> str:
    """One `table` environment; groups of columns share a heading."""
    columns = table.shown
    lines = [
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{escape(table.title)}}}",
        rf"\begin{{tabular}}{{{''.join('l' if column.kind == 'text' else 'r' for column in columns)}}}",
        r"\toprule",
        *heading(columns),
        r"\midrule",
    ]
    for index, row in enumerate(table.rows):
        if table.starts_section(index):
            lines.append(r"\midrule")
        lines.append(line([guard(escape(cell_text(row.get(column.key), column.kind))) for column in columns]))
    lines += [r"\bottomrule", r"\end{tabular}"]
    if table.notes:
        lines += [
            "",
            r"\smallskip",
            r"\parbox{\linewidth}{\footnotesize",
            *(f"{escape(note)}.\\par" for note in sentences(table.notes)),
            "}",
        ]
    return "\n".join([*lines, r"\end{table}"])


def heading(columns: Sequence[Column]) -> list[str]:
    """One line of headings, or two where columns are grouped."""
    own = line([escape(column.heading) for column in columns])
    if not any(column.group for column in columns):
        return [own]
    cells, rules, start = [], [], 1
    for group, members in groupby(columns, key=lambda column: column.group):
        width = len(list(members))
        if group:
            cells.append(rf"\multicolumn{{{width}}}{{c}}{{{escape(group)}}}")
            rules.append(rf"\cmidrule(lr){{{start}-{start + width - 1}}}")
        else:
            cells += [""] * width
        start += width
    return [line(cells), " ".join(rules), own]


def line(cells: Sequence[str]) -> str:
    return " & ".join(cells) + r" \\"


def guard(cell: str) -> str:
    """A cell that starts a row must not be taken for the optional argument of the line break above it."""
    return f"{{{cell}}}" if cell.startswith(("[", "*")) else cell


def sentences(notes: Sequence[str]) -> list[str]:
    return [note.removesuffix(".") for note in notes]
