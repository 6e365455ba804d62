"""The table of trained generators: a row for each, whatever else is reported."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from staa_cli.reporting.formats import as_data
from staa_cli.reporting.tables import build_tables

from .conftest import Made, metrics


def generator(seed: int = 0, *, val: float | None = 60.0, threats: tuple[str, ...] = ("emo18",), name: str = "", **recipe: Any) -> Made:
    summary: dict[str, Any] = {
        "corpus": "emodb",
        "threat_model": threats[0],
        "epochs": 30,
        "train": {"asr_percent": 70.0, "sparsity_percent": 4.0},
    }
    summary |= {"threat_models": list(threats)} if len(threats) > 1 else {}
    summary |= {} if val is None else {"val": {"asr_percent": val, "sparsity_percent": 5.0}}
    return Path("runs") / (name or f"seed-{seed}"), metrics(
        "train-generator", summary, seed, {"guide": "prediction", "threshold": None, **recipe}
    )


def rows(*made: Made) -> list[dict[str, Any]]:
    (table,) = as_data(build_tables(made))
    found: list[dict[str, Any]] = table["rows"]
    return found


def test_seeds_are_not_averaged() -> None:
    found = rows(generator(0, val=42.0), generator(12, val=60.0))
    assert [(row["seed"], row["val_asr"], row["train_asr"], row["sparsity"]) for row in found] == [
        ("0", 42.0, 70.0, 5.0),
        ("12", 60.0, 70.0, 5.0),
    ]


@pytest.mark.parametrize(
    ("recipe", "name"),
    [
        ({}, "STAA-Net conditional"),
        ({"guide": "none"}, "STAA-Net"),
        ({"guide": "gradient", "target": "any"}, "STAA-Net guided → any"),
        ({"guide": "none", "threshold": {"level": 0.5}}, "STAA-Net (paper)"),
        ({"guide": ["damaged"]}, "STAA-Net"),
    ],
)
def test_it_is_called_as_its_attacks_are(recipe: dict[str, Any], name: str) -> None:
    (row,) = rows(generator(**recipe))
    assert row["generator"] == name


def test_a_pool_is_named_whole_and_stands_apart_from_its_first_model() -> None:
    found = rows(generator(1), generator(0, threats=("emo18", "cnn-lstm")), generator(2))
    assert [row["threat_model"] for row in found] == ["Emo18", "Emo18", "Emo18 and CNN-LSTM"]


def test_without_val_its_column_is_left_out_and_the_sparsity_is_that_of_train() -> None:
    (table,) = build_tables([generator(val=None)])
    assert "val_asr" not in [column.key for column in table.columns]
    (row,) = rows(generator(val=None))
    assert row["sparsity"] == 4.0


@pytest.mark.parametrize(("other", "shown"), [({"seed": 1}, False), ({"looks": 8, "name": "more"}, True)])
def test_folders_are_shown_where_nothing_else_tells_rows_apart(other: dict[str, Any], shown: bool) -> None:
    (table,) = build_tables([generator(), generator(**other)])
    assert table.columns[-1].shown is shown


def test_what_saw_val_says_so() -> None:
    (table,) = build_tables([generator(train_on="train+val"), generator(train_on="train")])
    assert next(column for column in table.columns if column.key == "train_on").shown
    (table,) = build_tables([generator(train_on="train")])
    assert not next(column for column in table.columns if column.key == "train_on").shown


def test_it_stands_beside_the_other_tables_as_they_were(mixed: Any) -> None:
    tables = build_tables([*mixed, generator()])
    assert [table for table in tables if table.name != "generators"] == build_tables(mixed)
    assert [table.name for table in tables].count("generators") == 1
