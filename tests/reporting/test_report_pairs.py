"""Targeted attacks pair by pair."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from staa_cli.commands.report import report
from staa_cli.metrics.intervals import wilson_percent
from staa_cli.reporting.formats import FORMATS, render
from staa_cli.reporting.model import Number
from staa_cli.reporting.runs import LoadedRun
from staa_cli.reporting.tables import build_tables
from staa_cli.runtime.errors import UsageError

NAMES = {"a": "anger", "f": "fear", "s": "sadness"}


@pytest.fixture
def targeted(attack: Any, tmp_path: Path) -> Any:
    """targeted(target, ["clean, after the attack, after the placebo", …], …): a run on disk; letters are classes."""

    def make(target: str, lines: list[str] | None, *, victim: str = "emo18", attacker: str = "STAA-Net 5 %", **extra: Any) -> LoadedRun:
        recipe = {"sparsity": 5.0, "target": target, "generator": {"guide": "gradient"}}
        _, metrics = attack(f"{attacker} → {target}", target=target, recipe=recipe, asr={victim: 50.0}, **extra)
        folder = tmp_path / f"{attacker} {target} {extra.get('seed', 0)}"
        folder.mkdir()
        (folder / "metrics.json").write_text(json.dumps(metrics))
        if lines is not None:
            results = [
                {"key": f"{place}", "victim": name, "label": "fear", "clean": NAMES[line[0]], "adversarial": NAMES[line[1]]}
                | ({"placebo": {"adversarial": NAMES[line[2]]}} if len(line) > 2 else {})
                for place, line in enumerate(lines)
                for name in (victim, "other")
            ]
            for one in results:
                one["adversarial"] = "anger" if one["victim"] == "other" else one["adversarial"]
            (folder / "results.jsonl").write_text("".join(f"{json.dumps(one)}\n" for one in results))
        return folder, metrics

    return make


def rates(table: Any) -> list[list[Any]]:
    keys = [column.key for column in table.columns if column.key.startswith("to_")]
    return [[row["clean"], *(cell.value if isinstance(cell := row.get(key), Number) else None for key in keys)] for row in table.rows]


def test_targets_join_in_one_matrix_by_hand(targeted: Any) -> None:
    lines = {"anger": ["fas", "fff", "saa", "aaa"], "fear": ["fff", "fff", "sfs", "asa"]}
    (table,) = build_tables([targeted(target, found) for target, found in lines.items()], "pairs")
    assert table.title == "Targeted attacks pair by pair on EmoDB val"
    assert [column.key for column in table.shown] == ["threat_model", "attacker", "clean", "utterances", "to_anger", "to_fear"]
    assert {row["attacker"] for row in table.rows} == {"STAA-Net 5 %"}
    assert rates(table) == [["anger", None, 0.0], ["fear", 50.0, None], ["sadness", 100.0, 100.0]]
    assert [row["utterances"].value for row in table.rows] == [1, 2, 1]  # type: ignore[union-attr]
    fear = table.rows[1]["to_anger"].beside  # type: ignore[union-attr]
    assert [fear.placebo, fear.lift, fear.low, fear.high] == [0.0, 50.0, *(wilson_percent(1, 2) or ())]  # type: ignore[union-attr]
    assert "STAA-Net 5 % on Emo18: 62.50 % on average over 4 pair(s), its placebo 25.00 %" in table.notes


def test_only_the_threat_model_counts_also_among_folders_of_its_model(targeted: Any) -> None:
    (table,) = build_tables([targeted("anger", ["ffs", "saa"], victim="emo18:second")], "pairs")
    assert rates(table) == [["fear", 0.0], ["sadness", 100.0]]


def test_attackers_and_splits_stand_apart_and_seeds_are_pooled(targeted: Any) -> None:
    runs = [targeted("anger", ["faf", "faf"]), targeted("anger", ["faf", "fff"], seed=1), targeted("anger", ["fff"], attacker="PGD")]
    (table,) = build_tables(runs, "pairs")
    assert [row["attacker"] for row in table.rows] == ["PGD", "STAA-Net 5 %"]
    rate = table.rows[1]["to_anger"]
    assert isinstance(rate, Number)
    assert (rate.value, rate.std, rate.runs) == (75.0, pytest.approx(1250**0.5), 2)
    assert any("over 2 runs (seeds 0, 1)" in note for note in table.notes)
    both = build_tables([*runs, targeted("fear", ["aff"], split="test")], "pairs")
    assert [one.title.split()[-1] for one in both] == ["val", "test"]


def test_what_is_missing_is_said(targeted: Any, attack: Any) -> None:
    whole, bare = targeted("anger", ["fa"]), targeted("fear", None)
    (table,) = build_tables([whole, bare, attack()], "pairs")
    assert f"{bare[0]} is left out: it has no results.jsonl with utterances under its threat model" in table.notes
    assert any(note.endswith("100.00 % on average over 1 pair(s)") for note in table.notes), "without a placebo none is told"
    with pytest.raises(UsageError, match=r"it has no results\.jsonl"):
        build_tables([bare], "pairs")
    with pytest.raises(UsageError, match="the table 'pairs' needs results of targeted attacks"):
        build_tables([attack()], "pairs")


def test_broken_lines_are_no_results(targeted: Any) -> None:
    folder, metrics = targeted("anger", ["faf"])
    with (folder / "results.jsonl").open("a") as results:
        results.write('{"file": "x", "error": "none"}\n[1]\n{"victim": "emo18"}\n{"victim": "emo')
    (table,) = build_tables([(folder, metrics)], "pairs")
    assert rates(table) == [["fear", 100.0]]


@pytest.mark.parametrize("format", FORMATS)
def test_every_format_and_the_command(format: str, targeted: Any, capsys: pytest.CaptureFixture[str]) -> None:
    run = targeted("anger", ["faf", "sss"])
    assert report([run[0]], table=["pairs"], format_=format) == 0
    assert capsys.readouterr().out.split() == render(build_tables([run], "pairs"), format).split()
    assert [table.name for table in build_tables([run])] == ["attacks"], "detail stays out until asked for"
