"""Tables as text: complete, escaped, never cut."""

from __future__ import annotations

import csv
import io
import json
import re
from typing import Any

import pytest
from rich.console import Console

from staa_cli.commands.advice import ADVICE
from staa_cli.reporting.formats import FORMATS, as_rich, render
from staa_cli.reporting.model import Column, Number, Table
from staa_cli.reporting.tables import build_tables
from staa_cli.reporting.text import cell_text
from staa_cli.runtime.errors import UsageError

NUMBER = re.compile(r"(?<![\w.])\d+\.\d+(?![\w.])")


def on_terminal(table: Table, width: int) -> str:
    console = Console(file=io.StringIO(), width=width, color_system=None, legacy_windows=False)
    with console.capture() as capture:
        console.print(as_rich(table))
    return capture.get()


def numbers(table: Table) -> list[str]:
    texts = [cell_text(row.get(column.key), column.kind) for row in table.rows for column in table.shown if column.kind != "text"]
    return sorted(NUMBER.findall(" ".join(texts)))


def body(text: str, table: Table) -> str:
    """The text without the notes, which hold numbers of their own."""
    return text.split(table.notes[0][:20])[0] if table.notes else text


@pytest.mark.parametrize(
    ("cell", "kind", "text"),
    [
        (None, "decimal", "–"),
        (Number(12.5), "decimal", "12.50"),
        (Number(-0.001), "decimal", "0.00"),
        (Number(0.00208), "decimal", "0.002"),
        (Number(0.00208, 0.0004, 3), "decimal", "0.002 ± 0.000"),
        (Number(1e-9), "decimal", "0.00"),
        (Number(12.5, 0.001, 3), "decimal", "12.50 ± 0.00"),
        (Number(100), "count", "100"),
        (Number(0.012), "seconds", "0.012"),
        (Number(0.00034), "seconds", "0.00034"),
        (Number(18.9), "seconds", "18.90"),
        (Number(0), "seconds", "0.00"),
        (Number(12.5, 0.314, 3), "decimal", "12.50 ± 0.31"),
        (Number(0.0123, 0.0004, 3), "seconds", "0.0123 ± 0.0004"),
        (Number(74.9, printed="74.9"), "decimal", "74.9"),
        ("1 (p)", "decimal", "1 (p)"),
    ],
)
def test_cells(cell: Any, kind: Any, text: str) -> None:
    assert cell_text(cell, kind) == text


@pytest.mark.parametrize("published", [False, True])
@pytest.mark.parametrize("width", [32, 60, 80, 100, 120, 160, 10_000])
def test_terminals_show_every_number_whole(mixed: Any, width: int, published: bool) -> None:
    for table in build_tables(mixed, None, published):
        text = on_terminal(table, width)
        assert "…" not in text
        assert "..." not in text
        assert max(map(len, text.splitlines())) <= width
        found = [number for number in NUMBER.findall(body(text, table)) if number != "2.0"]  # of the name Wav2vec 2.0
        assert sorted(found) == numbers(table)


def test_two_victims_fit_80_columns_side_by_side(mixed: Any) -> None:
    table = build_tables(mixed)[2]
    header = on_terminal(table, 80).split("──")[0]
    assert all(word in header for word in ("Attacker", "Split", "SNR", "Sparsity", "Speed", "Emo18", "Zhao19"))
    wide = body(on_terminal(table, 200), table)
    assert (wide.count("STAA-Net"), wide.count("Val"), wide.count("Test")) == (2, 5, 5)


@pytest.mark.parametrize("width", [66, 72, 80])
def test_a_number_stays_beside_its_unit(attack: Any, width: int) -> None:
    """What follows a name's last number is `%`, `dB` or `looks`, on the same line."""
    runs = [
        attack(f"STAA-Net guided {percent} % + 20 looks", "emo18", split, placebo=5.0) for percent in (1, 6.25) for split in ("val", "test")
    ]
    (table,) = build_tables(runs)
    lines = on_terminal(table, width).splitlines()
    assert not any(line.lstrip().startswith(("% ", "looks ")) for line in lines)
    broken = any("guided" in line and "STAA-Net" not in line for line in lines)
    assert broken == (width < 80), "the name is broken where it has to be"


@pytest.mark.parametrize("width", [72, 80, 96])
def test_names_break_between_words_only(mixed: Any, width: int) -> None:
    for table in build_tables(mixed, None, published=True):
        words = {word for row in table.rows for column in table.shown if column.kind == "text" for word in str(row[column.key]).split()}
        found = set(on_terminal(table, width).split())
        assert words <= found


def test_rows_for_splits_leave_out_what_was_not_run(attack: Any) -> None:
    (table,) = build_tables([attack("PGD"), attack("PGD", split="test"), attack(split="test")])
    lines = on_terminal(table, 70).splitlines()
    assert [re.findall(r"(PGD|STAA-Net) +(val|test)", line)[0] for line in lines if "81.25 (–)" in line] == [
        ("PGD", "val"),
        ("PGD", "test"),
        ("STAA-Net", "test"),
    ]
    assert not any("STAA-Net   val" in line or "– " in line for line in lines)


@pytest.mark.parametrize("format", ["rich", "markdown"])
def test_text_in_a_pipe_has_one_line_a_row(mixed: Any, format: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    for table in build_tables(mixed, None, published=True):
        text = render([table], format)
        assert "…" not in text
        for row in table.rows:
            cells = [cell_text(row.get(column.key), column.kind) for column in table.shown]
            pattern = r"\W+".join(re.escape(cell) for cell in cells if cell != "–")
            assert any(re.search(pattern, line) for line in text.splitlines()), cells


def test_markdown_is_a_regular_table_whatever_the_text_holds() -> None:
    table = Table(
        "a|b", [Column("name", "Na|me"), Column("x", "X", kind="decimal")], [{"name": "c|d\\*e\nf", "x": Number(1)}, {"name": "g"}]
    )
    lines = render([table], "markdown").splitlines()[2:]
    assert [len(re.findall(r"(?<!\\)\|", line)) for line in lines] == [3, 3, 3, 3]
    assert r"c\|d\\\*e f" in lines[2]
    assert lines[1].endswith("-: |")
    assert "–" in lines[3]


def test_latex_is_escaped_and_grouped(attack: Any) -> None:
    table = build_tables([attack(threat="my_net{}&~^\\$#", split=split, snr=None) for split in ("val", "test")], "attacks")[0]
    text = render([table], "latex")
    assert r"my\_net\{\}\&\textasciitilde{}\textasciicircum{}\textbackslash{}\$\# & STAA-Net & -- & --" in text
    assert r"\multicolumn{2}{c}{Sparsity (\%)}" in text
    assert r"\cmidrule(lr){3-4} \cmidrule(lr){5-6}" in text
    assert all(rule in text for rule in (r"\toprule", r"\midrule", r"\bottomrule", r"\usepackage{booktabs}"))
    rows = [line for line in text.splitlines() if line.endswith(r"\\")]
    assert [len(re.findall(r"(?<!\\)&", line)) for line in rows] == [6, 11, 11], "the first holds five groups of two"
    assert text.count("{") - text.count(r"\{") == text.count("}") - text.count(r"\}")
    assert not re.search(r"(?<!\\)%", text.split("\n", 1)[1])


def test_latex_knows_the_signs(attack: Any) -> None:
    runs = [attack(seed=seed, budget={"linf": 0.05}, snr=20.0 + seed) for seed in range(2)]
    text = render(build_tables(runs), "latex")
    assert r"20.50 $\pm$ 0.71" in text
    assert r"$\varepsilon$ 0.05" in text
    assert text.isascii()


def test_csv_holds_full_precision_under_plain_names(attack: Any) -> None:
    third = 100 / 3
    runs = [attack(seed=seed, asr={"emo18": third + seed}) for seed in range(2)] + [attack("PGD", sparsity=None, asr={"emo18": third})]
    rows = list(csv.DictReader(io.StringIO(render(build_tables(runs, "attacks"), "csv"))))
    assert float(rows[0]["emo18_val"]) == third
    assert rows[0]["sparsity_val"] == ""
    assert rows[0]["corpus"] == "EmoDB"
    assert (rows[0]["emo18_val_std"], rows[0]["emo18_val_runs"]) == ("", "1")
    assert rows[1]["emo18_val_runs"] == "2"
    assert float(rows[1]["emo18_val_std"]) == pytest.approx(0.5**0.5)
    assert "emo18_val_std" not in render(build_tables(runs[1:], "attacks"), "csv")


def test_csv_joins_tables_of_one_kind_and_refuses_others(mixed: Any, attack: Any) -> None:
    runs = [attack(corpus="emodb", asr={"emo18": 1.0}), attack(corpus="ravdess", asr={"zhao19": 2.0})]
    rows = list(csv.DictReader(io.StringIO(render(build_tables(runs), "csv"))))
    assert [(row["corpus"], row["emo18_val"], row["zhao19_val"]) for row in rows] == [("EmoDB", "1.0", ""), ("RAVDESS", "", "2.0")]
    with pytest.raises(UsageError, match="one kind of table, these runs fill corpus, victims") as caught:
        render(build_tables(mixed), "csv")
    assert caught.value.advice in ADVICE


def test_json_has_numbers_and_nulls(mixed: Any) -> None:
    def refuse(literal: str) -> None:
        raise AssertionError(literal)

    corpus, victims, attacks, _ = json.loads(render(build_tables(mixed), "json"), parse_constant=refuse)
    assert set(attacks) == {"table", "title", "columns", "rows", "notes"}
    assert corpus["rows"][0]["anger"] == 7
    assert victims["rows"][1]["val_accuracy"] == 61.11
    keys = [column["key"] for column in attacks["columns"]]
    assert all(list(row) == keys for row in attacks["rows"])
    (one_pixel,) = (row for row in attacks["rows"] if row["attacker"] == "One-Pixel")
    assert one_pixel["snr_val"] is None
    assert one_pixel["emo18_val"] == 0.0
    assert one_pixel["snr_val_runs"] is None


def test_infinite_numbers_in_damaged_metrics_are_missing(attack: Any) -> None:
    text = render(build_tables([attack(snr=float("inf"), seconds=float("nan"))]), "json")
    assert json.loads(text)[0]["rows"][0]["snr_val"] is None


def test_every_format_ends_in_a_newline(victim: Any) -> None:
    for format in FORMATS:
        text = render(build_tables([victim()]), format)
        assert text.endswith("\n")
        assert not text.endswith("\n\n")
        assert all(value in text for value in ("70.0", "66.0"))
    with pytest.raises(UsageError, match="unknown format 'tex'"):
        render([], "tex")
