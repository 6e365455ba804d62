"""What stands beside a success rate: its placebo, its interval, its marks."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path
from typing import Any

import pytest

from staa_cli.commands.report import report
from staa_cli.reporting.formats import render
from staa_cli.reporting.model import Beside, Number, with_intervals
from staa_cli.reporting.tables import build_tables
from staa_cli.reporting.text import cell_text
from staa_cli.runtime.errors import UsageError

from .test_report_formats import on_terminal

WHOLE = Beside(21.26, 66.1, 80.12, 92.3)


@pytest.mark.parametrize(
    ("cell", "kind", "text"),
    [
        (Number(87.4, beside=WHOLE), "decimal", "87.40 (21.3)"),
        (Number(87.4, beside=WHOLE), "interval", "87.40 [80.1–92.3] (21.3)"),
        (Number(87.4, beside=Beside()), "decimal", "87.40 (–)"),
        (Number(87.4, beside=Beside()), "interval", "87.40 [–] (–)"),
        (Number(87.4, 2.1, 3, beside=Beside(21.26, 66.1)), "decimal", "87.40 ± 2.10 (21.3)"),
        (Number(87.4, 2.1, 3, beside=Beside(21.26, 66.1)), "interval", "87.40 ± 2.10 (21.3)"),
        (Number(0.0301), "p", "0.030"),
        (Number(1e-9), "p", "< 0.001"),
    ],
)
def test_cells(cell: Any, kind: Any, text: str) -> None:
    assert cell_text(cell, kind) == text


def test_machines_have_columns_of_their_own(attack: Any) -> None:
    runs = [
        *(attack(seed=seed, asr={"emo18": 80.0 + seed}, placebo=20.0 + seed / 3) for seed in range(2)),
        attack("PGD", asr={"emo18": 90.0}, placebo=100 / 3),
        attack("Old", asr={"emo18": 70.0}),
    ]
    pgd, old, staa, *paper = csv.DictReader(io.StringIO(render(build_tables(runs, "attacks", published=True), "csv")))
    ends = ("placebo", "lift", "low", "high")
    assert [pgd[f"emo18_val_{end}"] for end in ends] == [repr(100 / 3), repr(90 - 100 / 3), repr(0.9 * 90.0), repr(1.01 * 90.0)]
    assert float(staa["emo18_val_placebo"]) == pytest.approx(20 + 1 / 6)
    assert float(staa["emo18_val_lift"]) == pytest.approx(60.5 - 1 / 6)
    assert [staa["emo18_val_low"], staa["emo18_val_high"]] == ["", ""]
    for row in (old, *paper):
        assert [row[f"emo18_val_{end}"] for end in ends] == [""] * 4


def test_a_mean_of_which_one_run_has_no_placebo_has_none(attack: Any) -> None:
    (table,) = build_tables([attack(placebo=10.0), attack(seed=1)], "attacks")
    assert table.rows[0]["emo18_val"].beside == Beside()  # type: ignore[union-attr]


def test_only_success_rates_of_ours_have_brackets_and_one_line_says_what_they_are(attack: Any) -> None:
    (table,) = build_tables([attack(corpus="demos", placebo=12.5)], "attacks", published=True)
    lines = render([table], "markdown").splitlines()
    (ours,) = (line for line in lines if line.startswith("| DEMoS"))
    assert ours.count("(12.5)") == 2
    assert not any(re.search(r"\((–|\d+\.\d)\)", line) for line in lines if "published" in line and line.startswith("|"))
    assert sum(note.startswith("In brackets: the placebo") for note in table.notes) == 1
    paper = build_tables([], "attacks", published=True)
    assert not any("In brackets" in note for table in paper for note in table.notes)


@pytest.mark.parametrize("width", [40, 60, 80, 120, 160, 10_000])
def test_intervals_are_never_cut(mixed: Any, width: int) -> None:
    for table in map(with_intervals, build_tables(mixed, "attacks")):
        text = on_terminal(table, width)
        assert max(map(len, text.splitlines())) <= width
        singles = [cell for row in table.rows for cell in row.values() if isinstance(cell, Number) and cell.beside and cell.std is None]
        assert len(re.findall(r"\[\d+\.\d–\d+\.\d\]|\[–\]", text)) == len(singles) > 0
        assert sum("In square brackets" in note for note in table.notes) == 1


def test_tables_without_rates_have_no_intervals(victim: Any) -> None:
    (table,) = build_tables([victim()])
    assert with_intervals(table) == table


def test_training_data_is_marked_and_never_averaged_with_results(attack: Any) -> None:
    runs = [attack(seed=0, more={"in_sample": 3}), attack(seed=1, more={"in_sample": 0}), attack(seed=2)]
    (table,) = build_tables(runs, "attacks")
    assert [(row["attacker"], row["snr_val"].runs) for row in table.rows] == [("STAA-Net †", 1), ("STAA-Net", 2)]  # type: ignore[union-attr]
    assert "† attacked utterances that the generator was trained on: no result" in table.notes
    assert r"$\dagger$" in render([table], "latex")
    assert not any("†" in note for note in build_tables(runs[1:], "attacks")[0].notes)


def test_several_makers_are_named(attack: Any) -> None:
    made = [{"version": "0.1.0", "device": "cpu", "utterances": 5}, {"version": "0.2.0", "device": "cuda:0", "utterances": 3}]
    (table,) = build_tables([attack(name="x", more={"made": made})], "attacks")
    assert "runs/x: its utterances were made by 0.1.0 on cpu (5), 0.2.0 on cuda:0 (3)" in table.notes
    (table,) = build_tables([attack(name="x", more={"made": made[1:]})], "attacks")
    assert "runs/x: its utterances were made by 0.2.0 on cuda:0 (3)" in table.notes, "another one made all"
    assert not any("made by" in note for note in build_tables([attack()], "attacks")[0].notes)


def test_the_paper_alone_several_tables_and_nothing(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert report(published=True, table=["attacks", "ablation", "attacks"]) == 0
    out = capsys.readouterr().out
    assert out.index("Attack performance on DEMoS") < out.index("Ablation of STAA-Net on DEMoS")
    assert out.count("Attack performance on DEMoS\n") == 1
    assert out.count("1 (p) is no percentage") == 2
    with pytest.raises(UsageError, match="no runs to report"):
        report()
    with pytest.raises(UsageError, match="the paper prints no table 'speakers'"):
        report(published=True, table=["speakers"])
    with pytest.raises(UsageError, match="no runs to report"):
        report(figure=tmp_path / "confusion.png")
