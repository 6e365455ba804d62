"""LaTeX that pdfLaTeX takes as it is, whatever names hold."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from staa_cli.reporting.formats import render
from staa_cli.reporting.latex import ACCENTS, ESCAPES, MATHS, escape
from staa_cli.reporting.model import Column, Number, Table
from staa_cli.reporting.tables import build_tables

TITLES = ("C&W ℓ2", "C&W ℓ∞", "σ-zero", "JSMA θ 0.5", "SparseFool λ 3", "δ ≤ ε", "PGD → anger")
FILES = ("Müller_Łódź ąęñ åçß", "½ µ ﬁ ǘ x̌", "中文 🎧", "a|b~^\\{}#$%&<>", "nul\x00, line\n\nline", "\udcff", "“ı” – ‘Ω’ − — …", "[x] *")
EVERY = (*TITLES, *FILES, *ESCAPES, *MATHS, *(f"o{mark}" for mark in ACCENTS))


def odd_table() -> Table:
    columns = [Column("name", "Näme"), Column("x", "σ (%)", "Test", kind="decimal")]
    rows = [{"name": name, "x": Number(1.0, 0.5, 2)} for name in EVERY]
    return Table("Emotion distribution of 中 (läufe/1)", columns, rows, [*EVERY])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "latex"),
    [
        ("C&W ℓ∞", r"C\&W $\ell$$\infty$"),
        ("σ-zero", r"$\sigma$-zero"),
        ("JSMA θ 0.5", r"JSMA $\theta$ 0.5"),
        ("PGD → anger", r"PGD $\to$ anger"),
        ("λ Λ δ Δ ε", r"$\lambda$ $\Lambda$ $\delta$ $\Delta$ $\varepsilon$"),
        ("Müller, Łódź", r"M\"{u}ller, \L{}\'{o}d\'{z}"),
        ("ę", "e"),
        ("½ µ", r"1/2 $\mu$"),
        ("中\x00", "U+4E2DU+0000"),
        ("two\n\nlines", "two lines"),
    ],
)
def test_signs(text: str, latex: str) -> None:
    assert escape(text) == latex


def test_nothing_but_ascii_that_tex_can_read(mixed: Any) -> None:
    for tables in (build_tables(mixed, None, published=True), [odd_table()]):
        text = render(tables, "latex")
        assert text.isascii()
        assert all(character.isprintable() or character == "\n" for character in text)
        bare = re.sub(r"\\[\\&%$#_{}~^]", "", text)
        assert bare.count("{") == bare.count("}")
        assert bare.count("$") % 2 == 0
        assert not re.search("[%#~^_]", bare.split("\n", 1)[1])


def test_every_table_has_a_label_of_its_own(mixed: Any) -> None:
    text = render(build_tables(mixed), "latex")
    labels = re.findall(r"\\caption\{.*\}\n\\label\{(.*)\}", text)
    assert labels == [
        "tab:emotion-distribution-of-emodb",
        "tab:victim-performance-on-emodb",
        "tab:attack-performance-on-emodb",
        "tab:ablation-of-staa-net-on-emodb",
    ]


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs pdflatex")
def test_pdflatex_takes_it(mixed: Any, tmp_path: Path) -> None:
    tables = render([*build_tables(mixed, None, published=True), odd_table()], "latex")
    document = f"\\documentclass{{article}}\n\\usepackage{{booktabs}}\n\\begin{{document}}\n{tables}\n\\end{{document}}\n"
    (tmp_path / "tables.tex").write_text(document, encoding="ascii")
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "tables.tex"], cwd=tmp_path, capture_output=True, text=True, errors="replace"
    )
    errors = [line for line in done.stdout.splitlines() if line.startswith("!")]
    assert (done.returncode, errors) == (0, []), done.stdout
    assert (tmp_path / "tables.pdf").stat().st_size > 0
