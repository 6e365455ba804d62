"""Readers against the manifests of real corpora, and against names that are none."""

from __future__ import annotations

import csv
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from staa_cli.corpora.listing import READERS, list_corpus, output_names
from staa_cli.corpora.table import read as read_table
from staa_cli.corpora.utterance import Utterance
from staa_cli.recipes.corpus import PrepareRecipe
from staa_cli.runtime.errors import UsageError

# The manifests keep each corpus's own words; our readers use one word for one emotion in all corpora.
COMMON = {"joy": "happiness", "happy": "happiness", "angry": "anger", "fearful": "fear", "sad": "sadness", "surprised": "surprise"}


def recipe(corpus: str, **keys: Any) -> PrepareRecipe:
    return PrepareRecipe.model_validate({"step": "prepare", "corpus": corpus, **keys})


@pytest.mark.parametrize("corpus", ["emodb", "emovo", "ravdess"])
def test_agrees_with_the_manifest(corpus: str, corpora: Path) -> None:
    with (corpora / "manifests" / f"{corpus}.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    expected = {row["file"]: (COMMON.get(row["emotion"], row["emotion"]), row["speaker"], row["gender"]) for row in rows}
    listing = import_module(f"staa_cli.corpora.{READERS[corpus]}").read(corpora / corpus, recipe(corpus))
    assert listing.problems == []
    assert {u.name: (u.emotion, u.speaker, u.gender) for u in listing.utterances} == expected


@pytest.mark.parametrize(
    ("corpus", "name", "emotion", "speaker"),
    [
        ("emodb", "wav/03a01Fa.wav", "happiness", "03"),
        ("emovo", "f1/gio-f1-b1.wav", "happiness", "f1"),
        ("ravdess", "Actor_02/03-01-05-02-01-01-02.wav", "anger", "02"),
    ],
)
def test_strange_names_are_reported_not_dropped(corpus: str, name: str, emotion: str, speaker: str, tmp_path: Path) -> None:
    for file in (name, "what/is-this.wav", "notes.txt", ".hidden/03a01Fa.wav"):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    listing = list_corpus(recipe(corpus), tmp_path)
    assert [(u.name, u.emotion, u.speaker) for u in listing.utterances] == [(name, emotion, speaker)]
    assert len(listing.problems) == 1
    assert "is-this.wav" in listing.problems[0]


def test_table_with_gaps(tmp_path: Path) -> None:
    table = tmp_path / "corpus.csv"
    table.write_text("file,emotion,speaker,split\na.wav,joy,ann,train\nb.wav,,ann,train\nc.wav,joy,bob,dev\n")
    listing = read_table(table, recipe("csv"))
    assert [u.name for u in listing.utterances] == ["a.wav"]
    assert ["line 3" in problem or "line 4" in problem for problem in listing.problems] == [True, True]


def test_table_without_a_column(tmp_path: Path) -> None:
    table = tmp_path / "corpus.csv"
    table.write_text("file,emotions,speaker\na.wav,joy,ann\n")
    with pytest.raises(UsageError, match=r"no column 'emotion'.*did you mean 'emotions'"):
        read_table(table, recipe("csv"))


def test_names_stay_below_the_output(tmp_path: Path) -> None:
    table = tmp_path / "corpus.csv"
    table.write_text("file,emotion,speaker\n../../etc/a.wav,joy,ann\n/abs/b.wav,joy,ann\n")
    names = output_names(read_table(table, recipe("csv")).utterances)
    assert names == ["audio/etc/a.wav", "audio/abs/b.wav"]


def test_two_formats_of_one_name_do_not_collide(tmp_path: Path) -> None:
    utterances = [Utterance(tmp_path / name, name, "joy", "ann") for name in ("a.wav", "a.flac", "b.flac")]
    assert len(set(output_names(utterances))) == 3


def test_absent_emotion_lists_what_there_is(tmp_path: Path) -> None:
    (tmp_path / "03a01Fa.wav").touch()
    with pytest.raises(UsageError, match=r"emotion joy.*found happiness"):
        list_corpus(recipe("emodb", emotions=["joy"]), tmp_path)
