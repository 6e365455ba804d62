"""Several corpora in one table."""

from __future__ import annotations

from typing import Any

import pytest

from staa_cli.reporting.model import Number, Table
from staa_cli.reporting.tables import build_tables


def run(attack: Any, attacker: str, corpus: str, rates: tuple[float, float, float] = (80.0, 30.0, 60.0), **more: Any) -> Any:
    folder, metrics = attack(attacker, "cnn-lstm", "test", corpus=corpus, asr={"cnn-lstm": 50.0}, placebo=5.0, **more)
    scores = dict(zip(("clean", "adversarial", "placebo"), rates, strict=True))
    metrics["summary"]["victims"]["cnn-lstm"]["accuracy_percent"] = scores
    return folder, metrics


def across(runs: list[Any], measure: str = "asr") -> Table:
    (table,) = build_tables(runs, "across", measure=measure)
    return table


def test_a_column_for_each_corpus_and_its_parts_under_one_name(attack: Any) -> None:
    corpora = ("emodb", "emodb (female)", "emovo")
    table = across([run(attack, attacker, corpus) for corpus in corpora for attacker in ("FGSM", "BIM")])
    assert [row["attacker"] for row in table.rows] == ["FGSM", "BIM"]
    numbers = [column for column in table.columns if column.kind == "decimal"]
    assert [(column.group, column.heading) for column in numbers] == [("EmoDB", "all"), ("EmoDB", "female"), ("", "EMOVO")]
    assert all(isinstance(row[column.key], Number) for row in table.rows for column in numbers)


def test_accuracy_begins_with_what_it_is_without_an_attack(attack: Any) -> None:
    found = [
        run(attack, "FGSM", "emodb"),
        run(attack, "BIM", "emodb", (80.0, 20.0, 50.0)),
        run(attack, "FGSM", "emovo", (40.0, 10.0, 30.0)),
    ]
    table = across(found, "accuracy")
    assert [row["attacker"] for row in table.rows] == ["no attack", "FGSM", "BIM"]
    clean, fgsm, bim = table.rows
    values = [[cell.value if isinstance(cell := row.get(corpus), Number) else None for corpus in ("EmoDB", "EMOVO")] for row in table.rows]
    assert values == [[80.0, 40.0], [30.0, 10.0], [20.0, None]]
    assert isinstance(clean["EmoDB"], Number)
    assert clean["EmoDB"].runs == 1  # two attacks on one victim are no repetition
    assert isinstance(bim["EmoDB"], Number)
    assert bim["EmoDB"].beside is not None
    assert bim["EmoDB"].beside.placebo == pytest.approx(50.0)
    assert fgsm["runs"]


def test_seeds_are_averaged_for_each_corpus_alone(attack: Any) -> None:
    found = [run(attack, "FGSM", "emodb", (80.0, value, 60.0), seed=seed, name=f"fgsm-{seed}") for seed, value in enumerate((20.0, 30.0))]
    table = across([*found, run(attack, "FGSM", "emovo")], "accuracy")
    fgsm = table.rows[-1]
    assert isinstance(fgsm["EmoDB"], Number)
    assert isinstance(fgsm["EMOVO"], Number)
    assert (fgsm["EmoDB"].value, fgsm["EmoDB"].runs, fgsm["EMOVO"].runs) == (25.0, 2, 1)


def test_two_victims_of_one_model_are_two_threat_models(attack: Any) -> None:
    """Runs that say nothing else of them apart are no repetitions of one."""
    found = []
    for folder in ("plain", "noise"):
        victims = {f"cnn-lstm:{folder}": 50.0 if folder == "plain" else 20.0}
        victims |= {f"cnn-lstm:{other}": 10.0 for other in ("plain", "noise") if other != folder}
        found.append(attack("FGSM", "cnn-lstm", "test", asr=victims, name=folder))
    table = across(found)
    rates = {str(row["threat_model"]): cell.value for row in table.rows if isinstance(cell := row["EmoDB"], Number)}
    assert rates == {"CNN-LSTM:plain": 50.0, "CNN-LSTM:noise": 20.0}


def test_rows_of_a_sweep_stand_by_its_value(attack: Any) -> None:
    names = ["JSMA θ 0.5", "JSMA θ -1", "JSMA θ -0.5", "10 pixels", "5 pixels"]
    assert [row["attacker"] for row in across([run(attack, name, "emodb") for name in names]).rows] == [
        "JSMA θ -1",
        "JSMA θ -0.5",
        "JSMA θ 0.5",
        "5 pixels",
        "10 pixels",
    ]
