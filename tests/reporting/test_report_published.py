"""The paper's numbers, as printed."""

from __future__ import annotations

import csv
import io
from importlib.resources import files
from typing import Any

import pytest

from staa_cli.reporting.formats import render
from staa_cli.reporting.model import Number
from staa_cli.reporting.published import SOURCES, Source, printed
from staa_cli.reporting.tables import build_tables

from .conftest import PAPER

EVERY = [pytest.param(name, source, id=f"table{source.number}") for name, sources in SOURCES.items() for source in sources]


def printed_lines(source: Source) -> list[dict[str, str]]:
    text = (files("staa_cli.reporting") / "published" / source.file).read_text(encoding="utf-8")
    return list(csv.DictReader(io.StringIO(text)))


def as_value(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


@pytest.mark.parametrize(("name", "source"), EVERY)
def test_csv_gives_the_printed_numbers_back(name: str, source: Source) -> None:
    text = render(build_tables([], name, published=True), "csv")
    ours = [row for row in csv.DictReader(io.StringIO(text)) if row["corpus"] == f"published: {source.corpus}"]
    expected = printed_lines(source)
    assert [{key: as_value(row[key]) for key in expected[0]} for row in ours] == [
        {k: as_value(v) for k, v in row.items()} for row in expected
    ]


def test_the_paper_says_nothing_of_runs_and_deviations(attack: Any) -> None:
    text = render(build_tables([attack(seed=seed) for seed in range(2)], "attacks", published=True), "csv")
    ours, *paper = csv.DictReader(io.StringIO(text))
    assert ours["emo18_val_runs"] == "2"
    assert {row["emo18_val_runs"] + row["emo18_val_std"] for row in paper} == {""}


@pytest.mark.parametrize("format", ["rich", "markdown", "latex"])
@pytest.mark.parametrize(("name", "source"), EVERY)
def test_text_keeps_the_printed_digits(name: str, source: Source, format: str) -> None:
    text = render(build_tables([], name, published=True), format)
    words = {word for row in printed_lines(source) for word in row.values() if word[:1].isdigit()}
    assert words
    assert [word for word in words if word not in text] == []


def test_every_table_of_the_paper_stands_without_runs() -> None:
    tables = build_tables([], None, published=True)
    assert [table.name for table in tables] == ["corpus", "victims", "attacks", "attacks", "ablation"]
    assert [len(table.rows) for table in tables] == [4, 15, 8, 8, 10]


def test_published_rows_are_marked_and_columns_united(attack: Any) -> None:
    (table,) = build_tables([attack(asr={"zhao19": 1.0, "mine": 2.0})], "attacks", published=True)
    assert [row["corpus"] for row in table.rows] == ["EmoDB", *["published: DEMoS"] * 8, *["published: IEMOCAP"] * 8]
    victims = [column.key for column in table.columns if column.key.endswith("_val")][3:]
    assert victims == ["emo18_val", "zhao19_val", "wav2vec2_val", "wavlm_val", "mine_val"]
    assert table.rows[0].get("wavlm_val") is None
    assert table.rows[1].get("mine_val") is None
    assert "corpus" in [column.key for column in table.shown]


def test_a_corpus_of_the_paper_is_compared_with_itself_alone(attack: Any, victim: Any) -> None:
    (attacks,) = build_tables([attack(corpus="iemocap")], "attacks", published=True)
    assert {row["corpus"] for row in attacks.rows} == {"IEMOCAP", "published: IEMOCAP"}
    (victims,) = build_tables([victim(corpus="demos"), victim(corpus="emodb")], "victims", published=True)
    assert {row["corpus"] for row in victims.rows} == {"DEMoS", "EmoDB", "published: DEMoS", "published: IEMOCAP"}


def test_corpus_and_ablation_bring_the_papers_tables(prepared: Any, attack: Any) -> None:
    _, paper = build_tables([prepared()], "corpus", published=True)
    assert paper.rows[3]["total"] == Number(5531, printed="5531")
    assert "speakers" not in [column.key for column in paper.columns]
    (ablation,) = build_tables([attack(PAPER)], "ablation", published=True)
    assert ablation.rows[2]["snr_test"] == "-inf"
    assert ablation.rows[2]["budget"] == "ε 0.05"


@pytest.mark.parametrize(("text", "cell"), [("", None), ("-inf", "-inf"), ("1 (p)", "1 (p)"), ("7", Number(7, printed="7"))])
def test_printed_cells(text: str, cell: object) -> None:
    assert printed(text) == cell
