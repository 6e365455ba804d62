"""Tables for LaTeX, ruled by booktabs. They compile under pdfLaTeX, and hold ASCII alone, so that no input encoding matters."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from itertools import groupby

from staa_cli.reporting.model import Column, Table
from staa_cli.reporting.text import cell_text

PREAMBLE = "% needs \\usepackage{booktabs}"
GREEK = {letter: unicodedata.name(letter).split()[-1] for letter in "αβγδζηθικμνξπρςστυφχψωΓΔΘΞΠΣΥΦΨΩ"}
MATHS = {letter: name.capitalize() if letter.isupper() else name.lower() for letter, name in GREEK.items()}
MATHS |= {"ε": "varepsilon", "λ": "lambda", "Λ": "Lambda", "ℓ": "ell", "∞": "infty", "→": "to", "←": "leftarrow"}
MATHS |= {"±": "pm", "×": "times", "·": "cdot", "≤": "le", "≥": "ge", "≈": "approx", "†": "dagger"}
ESCAPES = {
    **{character: f"\\{character}" for character in "&%$#_{}"},
    **{character: rf"$\{name}$" for character, name in MATHS.items()},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "−": "$-$",
    "⁄": "/",
    "–": "--",
    "—": "---",
    "‘": "`",
    "’": "'",
    "“": "``",
    "”": "''",
    "ß": r"\ss{}",
    "æ": r"\ae{}",
    "Æ": r"\AE{}",
    "ø": r"\o{}",
    "Ø": r"\O{}",
    "ł": r"\l{}",
    "Ł": r"\L{}",
    "ı": r"\i{}",
}
ACCENTS = dict(zip("\u0300\u0301\u0302\u0303\u0304\u0306\u0307\u0308\u030a\u030b\u030c\u0327\u0323", "`'^~=u.\"rHvcd", strict=True))
"""Combining characters → what sets them in the default encoding of fonts, which has no others."""


def escape(text: str) -> str:
    """Text as LaTeX in ASCII. What it has no sign for is told by its number, `U+4E2D`; accents that it does not know are left out."""
    return "".join(escape_character(character) for character in unicodedata.normalize("NFC", " ".join(text.split())))


def escape_character(character: str) -> str:
    if character in ESCAPES or (character.isascii() and character.isprintable()):
        return ESCAPES.get(character, character)
    if unicodedata.combining(character):
        return ""
    simpler = unicodedata.normalize("NFKD", character)
    if simpler == character:
        return f"U+{ord(character):04X}"
    if not all(map(unicodedata.combining, simpler[1:])):
        return "".join(map(escape_character, simpler))
    letter = escape_character(simpler[0])
    for mark in simpler[1:]:
        letter = rf"\{ACCENTS[mark]}{{{letter}}}" if mark in ACCENTS and simpler[0].isascii() else letter
    return letter


def label(table: Table) -> str:
    """What the text refers to the table by: its title in plain letters."""
    plain = unicodedata.normalize("NFKD", table.title).encode("ascii", "ignore").decode().lower()
    return "tab:" + "-".join(re.findall("[a-z0-9]+", plain))


def latex(table: Table) -> str:
    """One `table` environment; groups of columns share a heading."""
    columns = table.shown
    lines = [
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{escape(table.title)}}}",
        rf"\label{{{label(table)}}}",
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
