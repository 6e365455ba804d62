"""Databases in audformat, made with the package itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from staa_cli.audio.files import write_wav
from staa_cli.corpora.listing import list_corpus
from staa_cli.corpora.recipe import PrepareRecipe
from staa_cli.runtime.errors import StaaError, UsageError

from ..conftest import Staa, tone

audformat = pytest.importorskip("audformat")


def database(root: Path) -> Path:
    """Three files of two speakers; the last has no emotion. A second table labels parts of the first file."""
    files = [f"wav/{number}.wav" for number in range(3)]
    for number, file in enumerate(files):
        write_wav(root / file, tone(300 + 100 * number, 16_000, number))
    made = audformat.Database("mini", languages=["de"])
    made.schemes["emotion"] = audformat.Scheme(labels=["anger", "neutral"])
    made.schemes["speaker"] = audformat.Scheme(labels={"3": {"gender": "male"}, "8": {"gender": "female"}})
    made["emotion"] = audformat.Table(audformat.filewise_index(files))
    made["emotion"]["emotion"] = audformat.Column(scheme_id="emotion")
    made["emotion"]["emotion"].set(["anger", "neutral", None])
    made["files"] = audformat.Table(audformat.filewise_index(files))
    made["files"]["speaker"] = audformat.Column(scheme_id="speaker")
    made["files"]["speaker"].set(["3", "8", "8"])
    made["parts"] = audformat.Table(audformat.segmented_index([files[0]] * 2, ["0s", "0.25s"], ["0.25s", "1s"]))
    made["parts"]["emotion"] = audformat.Column(scheme_id="emotion")
    made["parts"]["emotion"].set(["neutral", "anger"])
    made.save(str(root))
    return root


def recipe(**keys: Any) -> PrepareRecipe:
    data = {"step": "prepare", "corpus": "audformat", "audformat": keys}
    return PrepareRecipe.schema_for(data).model_validate(data)


def test_whole_files(tmp_path: Path) -> None:
    listing = list_corpus(recipe(table="emotion"), database(tmp_path))
    said = [(u.name, u.emotion, u.speaker, u.gender, u.language) for u in listing.utterances]
    assert said == [("wav/0.wav", "anger", "3", "male", "de"), ("wav/1.wav", "neutral", "8", "female", "de")]
    assert dict(listing.left_out) == {"no emotion in the database": 1}


def test_segments_become_files_of_their_own(tmp_path: Path, staa: Staa) -> None:
    text = "step: prepare\ncorpus: audformat\naudformat: {table: parts}\nsplits: {ratios: {train: 1.0, val: 0.0, test: 0.0}}\n"
    (tmp_path / "recipe.yaml").write_text(text)
    assert staa("prepare", tmp_path / "recipe.yaml", "--source", database(tmp_path / "db"), "-o", tmp_path / "out").code == 0
    lines = (tmp_path / "out/manifest.csv").read_text().splitlines()[1:]
    assert lines == [
        "audio/wav/0_000000-000250.wav,neutral,3,male,de,train,0.2500",
        "audio/wav/0_000250-001000.wav,anger,3,male,de,train,0.7500",
    ]


def test_strange_names_say_what_there_is(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no values of 'feeling' \(tables: emotion, files, parts.*'audformat.emotion'"):
        list_corpus(recipe(emotion="feeling"), database(tmp_path))
    (tmp_path / "db.yaml").unlink()
    with pytest.raises(UsageError, match=r"holds no db\.yaml"):
        list_corpus(recipe(), tmp_path)


def test_a_database_that_audb_publishes(tmp_path: Path, staa: Staa, monkeypatch: pytest.MonkeyPatch) -> None:
    """The download, from a repository on this disk."""
    audb = pytest.importorskip("audb")
    (tmp_path / "host/repository").mkdir(parents=True)
    repository = audb.Repository("repository", str(tmp_path / "host"), "file-system")
    audb.publish(str(database(tmp_path / "db")), "1.0.0", repository, verbose=False)
    monkeypatch.setattr(audb.config, "REPOSITORIES", [repository])
    monkeypatch.setattr(audb.config, "CACHE_ROOT", str(tmp_path / "cache"))
    settings = ["audformat.name=mini", "audformat.table=emotion", "splits.ratios={train: 0.5, val: 0.0, test: 0.5}"]
    options = [word for setting in settings for word in ("--set", setting)]
    assert staa("prepare", "audformat", *options, "-o", tmp_path / "out").code == 0
    assert len((tmp_path / "out/manifest.csv").read_text().splitlines()) == 3
    outcome = staa("prepare", "audformat", "--set", "audformat.name=maxi", "-o", tmp_path / "other")
    assert outcome.code == StaaError.exit_code
    assert "audb cannot load the database 'maxi'" in outcome.err
