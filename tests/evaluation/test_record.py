"""What a record tells beside its verdict, so that it can be drawn and grouped later without attacking again."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from staa_cli.attacks.pgd import PGD
from staa_cli.evaluation.attackers import BaselineAttacker
from staa_cli.evaluation.inputs import Inputs
from staa_cli.evaluation.loop import attack_all
from staa_cli.evaluation.record import Record, read_records
from staa_cli.evaluation.task import make_tasks

from .test_pipeline import LOUD, bench, counting, inputs


@pytest.fixture
def records(tmp_path: Path) -> list[Record]:
    _, threat = counting("threat")
    files = [replace(file, gender="female", language="de") for file in inputs(tmp_path, 3).files]
    tasks = make_tasks(Inputs(files), ["0", "1", "2"], {}, 0)
    attack_all(bench(tmp_path, BaselineAttacker(PGD(budget=LOUD, steps=4), threat), {"threat": threat}), tasks)
    return [record for found in read_records(tmp_path / "out")[0].values() for record in found]


def test_a_record_reads_back_whole(records: list[Record]) -> None:
    for record in records:
        assert Record.from_json(json.loads(record.to_json())) == record
        assert (record.gender, record.language) == ("female", "de")


def test_margins_cross_zero_where_the_prediction_changes(records: list[Record]) -> None:
    assert any(record.success for record in records)
    for record in records:
        assert record.margins is not None
        before, after = record.margins
        assert before < 0, "before, the prediction is the clean one"
        assert (after > 0) == (record.clean != record.adversarial)


def test_the_clean_file_is_found_from_the_output_folder(records: list[Record], tmp_path: Path) -> None:
    for record in records:
        assert (tmp_path / "out" / record.run["source"]).resolve() == (tmp_path / "in" / record.file).resolve()


def test_older_lines_have_none_of_it(records: list[Record]) -> None:
    content = json.loads(records[0].to_json())
    for key in ("gender", "language", "margin"):
        del content[key]
    older = Record.from_json(content)
    assert (older.gender, older.language, older.margins) == (None, None, None)
    assert older.to_json() == json.dumps(content) + "\n"
