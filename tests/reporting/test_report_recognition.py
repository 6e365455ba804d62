"""Confusion matrices and scores by language and gender: counted right, pooled, in every format, drawn."""

from __future__ import annotations

import csv
import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from staa_cli.commands.report import report
from staa_cli.corpora.manifest import Row
from staa_cli.metrics.classification import confusion_counts
from staa_cli.reporting.figures import draw_confusion
from staa_cli.reporting.formats import FORMATS, render
from staa_cli.reporting.model import Number
from staa_cli.reporting.tables import build_tables
from staa_cli.runtime.errors import UsageError
from staa_cli.runtime.folders import read_metrics
from staa_cli.victims import training

from ..conftest import World


def with_detail(made: Any, matrix: list[list[int]], genders: dict[str, float] | None = None, split: str = "test") -> Any:
    """A victim's run with a confusion matrix and accuracies by gender."""
    path, metrics = made
    metrics["summary"][split]["confusion"] = matrix
    metrics["summary"][split]["by_language"] = {}
    metrics["summary"][split]["by_gender"] = {
        name: {"utterances": 5, "accuracy_percent": value, "uar_percent": None} for name, value in (genders or {}).items()
    }
    return path, metrics


def test_counts_by_hand() -> None:
    assert confusion_counts([0, 0, 2, 2, 2], [0, 2, 2, 2, 1], 4) == [[1, 0, 1, 0], [0, 0, 0, 0], [0, 1, 2, 0], [0, 0, 0, 0]]
    assert confusion_counts([], [], 2) == [[0, 0], [0, 0]]


def test_groups_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two languages, one gender unknown: it belongs to no group."""
    who = [("de", "female"), ("de", "male"), ("it", ""), ("it", "female")]
    rows = [Row(f"{i}.wav", "x", "s", gender, language, "test", 1.0) for i, (language, gender) in enumerate(who)]
    victim: Any = type("Victim", (), {"labels": ["a", "b"]})()
    audio: Any = type("Audio", (), {"targets": torch.tensor([0, 1, 1, 0])})()
    monkeypatch.setattr(training, "predict", lambda *_, **__: torch.tensor([0, 0, 1, 1]))
    found = training.judge(victim, audio, rows, torch.device("cpu"))
    assert found["confusion"] == [[1, 1], [1, 1]]
    assert found["by_language"] == {
        "de": {"utterances": 2, "accuracy_percent": 50.0, "uar_percent": 50.0},
        "it": {"utterances": 2, "accuracy_percent": 50.0, "uar_percent": 50.0},
    }
    assert found["by_gender"]["female"] == {"utterances": 2, "accuracy_percent": 50.0, "uar_percent": 50.0}
    assert found["by_gender"]["male"] == {"utterances": 1, "accuracy_percent": 0.0, "uar_percent": 0.0}
    assert sorted(found["by_gender"]) == ["female", "male"]


def test_a_trained_victim_says_what_it_confuses(world: World) -> None:
    summary = json.loads((world.emo18 / "metrics.json").read_text())["summary"]
    for split in ("val", "test"):
        matrix = torch.tensor(summary[split]["confusion"])
        assert matrix.sum(dim=1).tolist() == [4, 4, 4]
        assert 100 * matrix.trace() / matrix.sum() == pytest.approx(summary[split]["accuracy_percent"])
        assert summary[split]["by_language"]["xx"]["accuracy_percent"] == summary[split]["accuracy_percent"]
        assert list(summary[split]["by_gender"]) == [{"val": "male", "test": "female"}[split]]


def test_confusion_over_seeds_is_a_mean(victim: Any) -> None:
    runs = [
        with_detail(victim(seed=0), [[4, 0], [1, 3]]),
        with_detail(victim(seed=1), [[2, 2], [1, 3]]),
        with_detail(victim("zhao19"), [[0, 4], [4, 0]]),
    ]
    (table,) = build_tables(runs, "confusion")
    assert [column.title for column in table.shown] == [
        "Model",
        "Split",
        "Emotion",
        "As anger",
        "As fear",
        "Recall (%)",
    ]
    assert [(row["model"], row["emotion"]) for row in table.rows] == [
        (model, emotion) for model in ("Emo18", "Zhao19") for emotion in ("anger", "fear")
    ]
    assert (table.rows[0]["as_anger"], table.rows[0]["recall"]) == (Number(3.0, 2**0.5, 2), Number(75.0, 1250**0.5, 2))
    assert table.rows[2]["recall"] == Number(0.0)


def test_corpora_have_matrices_of_their_own(victim: Any) -> None:
    runs = [with_detail(victim(), [[4, 0], [1, 3]]), with_detail(victim(corpus="emovo"), [[4, 0], [1, 3]])]
    assert [table.title for table in build_tables(runs, "confusion")] == ["Confusion on EmoDB", "Confusion on EMOVO"]


def test_groups_stand_beside_each_other_by_split(victim: Any) -> None:
    made = with_detail(victim(), [[4, 0], [1, 3]], {"female": 80.0, "male": 60.0})
    made = with_detail(made, [[4, 0], [1, 3]], {"female": 70.0}, split="val")
    (table,) = build_tables([made], "groups")
    assert [column.key for column in table.shown][:4] == ["model", "by", "group", "val_utterances"]
    assert [(row["group"], row["val_accuracy"], row["test_accuracy"]) for row in table.rows] == [
        ("female", Number(70.0), Number(80.0)),
        ("male", None, Number(60.0)),
    ]
    assert "test_uar" not in [column.key for column in table.columns]


def test_detail_stays_out_until_asked_for(victim: Any) -> None:
    made = with_detail(victim(), [[4, 0], [1, 3]], {"female": 80.0})
    assert [table.name for table in build_tables([made])] == ["victims"]
    with pytest.raises(UsageError, match="the table 'confusion' needs results of 'staa train-victim' that hold a confusion matrix"):
        build_tables([victim()], "confusion")
    with pytest.raises(UsageError, match="the table 'groups' needs"):
        build_tables([victim()], "groups")


@pytest.fixture
def folders(victim: Any, prepared: Any, tmp_path: Path) -> list[Path]:
    """The folders of two victims and of a corpus."""
    detail = ([[4, 0], [1, 3]], {"female": 80.0, "male": 60.0})
    made = [with_detail(victim(), *detail), with_detail(victim("zhao19"), *detail), prepared()]
    found = [tmp_path / "runs" / path.name for path, _ in made]
    for folder, (_, metrics) in zip(found, made, strict=True):
        folder.mkdir(parents=True)
        (folder / "metrics.json").write_text(json.dumps(metrics))
    return found


@pytest.mark.parametrize("table", ["confusion", "groups"])
@pytest.mark.parametrize("format", FORMATS)
def test_every_format_holds_every_number(format: str, table: str, folders: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert report(folders[:2], table=[table], format_=format) == 0
    out = capsys.readouterr().out
    (made,) = build_tables([(run, read_metrics(run)) for run in folders[:2]], table)
    assert out.split() == render([made], format).split()
    if format == "csv":
        assert len(list(csv.DictReader(io.StringIO(out)))) == 2 * 2
    for name in ("Emo18", "Zhao19"):
        assert name in out


@pytest.mark.parametrize(("suffix", "start"), [("png", b"\x89PNG"), ("pdf", b"%PDF"), ("svg", b"<?xml")])
def test_the_picture_is_drawn(suffix: str, start: bytes, folders: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib")
    path = tmp_path / f"confusion.{suffix}"
    assert report(folders[:2], figure=path) == 0
    assert capsys.readouterr().out == ""
    assert path.read_bytes().startswith(start)
    with pytest.raises(UsageError, match="--overwrite"):
        report(folders[:1], figure=path)


def test_the_picture_shows_the_counts(victim: Any) -> None:
    pytest.importorskip("matplotlib")
    figure = draw_confusion(build_tables([with_detail(victim(), [[14, 0], [1, 23]])], "confusion"))
    (axes,) = figure.axes
    assert [text.get_text() for text in axes.texts] == ["14", "0", "1", "23"]
    assert axes.get_title() == "Emo18, EmoDB test"
    assert [label.get_text() for label in axes.get_yticklabels()] == ["anger", "fear"]


def test_figures_that_cannot_be_made(folders: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match=r"expected a picture: one of \.png, \.pdf, \.svg"):
        report(folders[:1], figure=tmp_path / "confusion.jpeg")
    with pytest.raises(UsageError, match="nothing to draw, expected results of"):
        report(folders[2:], figure=tmp_path / "confusion.png")
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(UsageError, match=r"pip install 'staa\[figures\]'"):
        report(folders[:1], figure=tmp_path / "confusion.png")
    assert not list(tmp_path.glob("confusion*"))
