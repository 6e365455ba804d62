"""Attackers compared input by input."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from staa_cli.commands.advice import ADVICE
from staa_cli.commands.report import report
from staa_cli.metrics.intervals import mcnemar
from staa_cli.reporting.formats import render
from staa_cli.reporting.model import Number, Table
from staa_cli.reporting.paired import Rival
from staa_cli.reporting.runs import FinishedRun, LoadedRun
from staa_cli.reporting.tables import build_tables
from staa_cli.runtime.errors import UsageError


@dataclass(frozen=True)
class Line:
    """A judged input, as a run's results tell of it."""

    file: str
    success: Any
    victim: str = "emo18"
    label: str | None = "anger"
    audio: Mapping[str, Any] | Any = None
    segment: Mapping[str, Any] | None = None


def lines(successes: str, victim: str = "emo18", start: int = 0) -> list[Line]:
    """An input for each letter, named by its place; `x` for a success."""
    return [Line(f"{place}.wav", letter == "x", victim, audio={"samples": 48_000}) for place, letter in enumerate(successes, start)]


def paired(runs: list[LoadedRun], rival: LoadedRun, held: list[list[Line]], others: list[Line]) -> Table:
    folders = {rival[0]: others} | {path: found for (path, _), found in zip(runs, held, strict=True)}
    (table,) = build_tables([*runs, rival], "paired", False, Rival(FinishedRun(*rival), folders.__getitem__))
    return table


def test_counts_and_p_by_hand(attack: Any) -> None:
    here, there = lines("xxxxxxxx--") + lines("-x", "zhao19"), lines("x------x-x") + lines("xx", "zhao19") + lines("x", "wavlm")
    table = paired([attack()], attack("PGD"), [here], there)
    assert table.title == "Input by input against PGD"
    assert [[row[key] for key in ("victim", "inputs", "here", "there", "p")] for row in table.rows] == [
        ["Emo18", Number(10), Number(6), Number(1), Number(mcnemar(6, 1))],
        ["Zhao19", Number(2), Number(0), Number(1), Number(1.0)],
    ]
    assert mcnemar(6, 1) == 0.125
    assert [column.key for column in table.shown] == ["threat_model", "attacker", "victim", "inputs", "here", "there", "p"]
    assert " 0.125 |" in render([table], "markdown")


def test_what_is_not_common_is_left_out_and_counted(attack: Any) -> None:
    runs = [attack(), attack(seed=1)]
    table = paired(runs, attack("PGD"), [lines("xxx-"), lines("xx", start=50)], lines("--", start=2))
    assert [row["inputs"] for row in table.rows] == [Number(2)]
    one, two, rival = (path for path, _ in (*runs, attack("PGD")))
    assert f"{one}: left out were 2 inputs of {one} alone and 0 inputs of {rival} alone" in table.notes
    assert f"{two}: not compared, it has no input under the same victim in common with {rival}" in table.notes


def test_segments_of_a_recording_are_inputs_of_their_own(attack: Any) -> None:
    def recording(successes: str) -> list[Line]:
        return [replace(one, file="talk.wav", segment={"number": n, "start": n, "end": n + 1}) for n, one in enumerate(lines(successes))]

    (row,) = paired([attack()], attack("PGD"), [recording("xx-")], recording("--x")).rows
    assert [row[key] for key in ("inputs", "here", "there")] == [Number(3), Number(2), Number(1)]


def test_training_data_is_marked(attack: Any) -> None:
    legend = "† attacked utterances that the generator was trained on: no result"
    for marked, name in ((0, "STAA-Net"), (3, "STAA-Net †")):
        table = paired([attack(more={"in_sample": marked})], attack("PGD"), [lines("x")], lines("-"))
        assert [row["attacker"] for row in table.rows] == [name]
        assert (legend in table.notes) == bool(marked)
    rival = attack("STAA-Net", name="other", more={"in_sample": 3})
    assert legend in paired([attack("PGD")], rival, [lines("x")], lines("-")).notes


def test_equal_names_of_other_audio_are_no_pair(attack: Any) -> None:
    other = [Line("0.wav", True, audio={"samples": 47_999}), Line("1.wav", True, label="fear", audio={"samples": 48_000})]
    with pytest.raises(UsageError, match="in common, so there is nothing to pair"):
        paired([attack()], attack("PGD"), [lines("xx")], other)


def test_another_checkpoint_of_one_name_is_another_victim(attack: Any) -> None:
    def judged_by(attacker: str, *hashes: str) -> LoadedRun:
        made: LoadedRun = attack(attacker, checkpoints={"victims": list(hashes)})
        return made

    both = lines("x") + lines("x", "zhao19")
    table = paired([judged_by("STAA-Net", "a", "b")], judged_by("PGD", "a", "c"), [both], both)
    assert [row["victim"] for row in table.rows] == ["Emo18"]


@pytest.mark.parametrize(
    "line", [Line("a", True), Line("a", True, audio={"samples": [1]}), Line("a", 1, audio={"samples": 1}), Line("a", True, audio=["x"])]
)
def test_damaged_results_are_told(attack: Any, line: Line) -> None:
    with pytest.raises(UsageError, match="holds a damaged result of a under emo18"):
        paired([attack()], attack("PGD"), [[line]], lines("x"))


def test_what_cannot_be_paired_is_refused(attack: Any, victim: Any) -> None:
    with pytest.raises(UsageError, match="'paired' compares with another run") as caught:
        build_tables([attack()], "paired")
    assert caught.value.advice in ADVICE
    with pytest.raises(UsageError, match="holds no results of single inputs"):
        paired([attack()], attack("PGD"), [lines("x")], [])
    with pytest.raises(UsageError, match="no other run and runs/PGD"):
        paired([], attack("PGD"), [], lines("x"))
    with pytest.raises(UsageError, match="the result of 'staa train-victim', but the table 'paired' needs"):
        paired([attack()], victim(), [lines("x")], lines("x"))


def test_runs_on_disk(attack: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Results as `staa` writes them, by way of the command."""
    from staa_cli.evaluation.record import Perturbation, Record, write_records

    nothing = Perturbation(None, None, None, None, None)
    for attacker, successes in (("STAA-Net", "xxxxxx"), ("PGD", "------")):
        folder = tmp_path / attacker
        folder.mkdir()
        (folder / "metrics.json").write_text(json.dumps(attack(attacker)[1]))
        records = [
            Record(
                file=line.file,
                output=line.file,
                key=f"{attacker}{line.file}",
                victim=line.victim,
                label=line.label,
                clean="a",
                adversarial="b",
                success=line.success,
                epsilon=0.1,
                perturbation=nothing,
                in_memory=nothing,
                in_memory_adversarial="b",
                in_memory_success=line.success,
                audio=dict(line.audio),
                run={},
            )
            for line in lines(successes)
        ]
        write_records(folder, records)
    assert report([tmp_path / "STAA-Net"], against=tmp_path / "PGD", table=["paired"], json=True) == 0
    (table,) = json.loads(capsys.readouterr().out)
    assert [table["rows"][0][key] for key in ("inputs", "here", "there", "p")] == [6, 6, 0, 0.03125]
    report([tmp_path / "STAA-Net"], against=tmp_path / "PGD", table=["attacks"])
    out = capsys.readouterr().out
    assert "Attack performance" in out
    assert "Input by input against PGD" in out
