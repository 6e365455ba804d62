"""Layouts by name: our own, and one that an installed package brings along."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from staa_cli.corpora import registry
from staa_cli.corpora.registry import find_layout, layout_names
from staa_cli.runtime.errors import UsageError
from staa_cli.runtime.yaml_text import parse_yaml

from ..commands.conftest import make_waves
from ..conftest import Staa

# Files such as `ann-calm.wav`, and a key of the recipe for the language.
FOREIGN = """
from staa_cli.corpora.names import Labels, read_by_name
from staa_cli.runtime.schema import Strict
class Options(Strict):
    language: str = "xx"
def read(source, recipe):
    def parse(stem):
        speaker, dash, emotion = stem.partition("-")
        return Labels(emotion, speaker, "", recipe.options.language) if dash else None
    return read_by_name(source, parse, "FOREIGN, expected for example ann-calm.wav")
"""
RECIPE = "step: prepare\ncorpus: foreign-speech\nsplits: {ratios: {train: 1.0, val: 0.0, test: 0.0}}\n"


@pytest.fixture
def foreign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An installed package that registers a layout, and something that is none."""
    info = tmp_path / "site/foreign_speech-1.0.dist-info"
    info.mkdir(parents=True)
    (tmp_path / "site/foreign_speech.py").write_text(FOREIGN)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: foreign-speech\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[staa.corpora]\nforeign-speech = foreign_speech\nnone = foreign_speech:Labels\n")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    monkeypatch.delitem(sys.modules, "foreign_speech", raising=False)
    registry.plugins.cache_clear()
    yield
    registry.plugins.cache_clear()


def test_our_own() -> None:
    assert {"csv", "demo", "emodb", "folders"} <= set(layout_names())
    assert all(callable(find_layout(name).read) for name in layout_names())
    with pytest.raises(UsageError, match=r"unknown corpus 'emobd', expected one of .*; did you mean 'emodb'"):
        find_layout("emobd")


def test_a_package_brings_a_layout(staa: Staa, foreign: None, tmp_path: Path) -> None:
    source, recipe = make_waves(tmp_path / "in", "ann-calm.wav", "bob-wild.wav"), tmp_path / "recipe.yaml"
    recipe.write_text(RECIPE + "foreign-speech: {language: eo}\n")
    outcome = staa("prepare", recipe, "--source", source, "-o", tmp_path / "out", "--jobs", 2)
    assert outcome.code == 0, outcome.err
    lines = (tmp_path / "out/manifest.csv").read_text().splitlines()[1:]
    assert [line.rsplit(",", 1)[0] for line in lines] == ["audio/ann-calm.wav,calm,ann,,eo,train", "audio/bob-wild.wav,wild,bob,,eo,train"]
    assert parse_yaml((tmp_path / "out/recipe.yaml").read_text())["foreign-speech"] == {"language": "eo"}


def test_all_mistakes_at_once(staa: Staa, foreign: None, tmp_path: Path) -> None:
    """Also those in the options of the corpus that is probably meant, and in those of another one."""
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(RECIPE.replace("speech", "spech") + "foreign-speech: {lang: eo}\nravdess: {song: on}\nsecond: 3\n")
    errors = staa("prepare", recipe, "--source", tmp_path, "-o", tmp_path / "out").err
    for words in (
        "4 mistakes",
        "corpus: unknown corpus 'foreign-spech'",
        "did you mean 'foreign-speech'?",
        "foreign-speech.lang: unknown key",
        "ravdess: unknown key",
        "second: unknown key; did you mean 'seconds'?",
    ):
        assert words in errors
    recipe.write_text("step: prepare\nravdess: {song: on}\nsecond: 3\n")
    errors = staa("prepare", recipe, "--source", tmp_path, "-o", tmp_path / "out").err
    assert "2 mistakes" in errors
    assert "corpus: missing" in errors


def test_a_package_that_brings_none(staa: Staa, foreign: None, tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text("step: prepare\ncorpus: none\n")
    outcome = staa("prepare", tmp_path / "recipe.yaml", "--source", tmp_path, "-o", tmp_path / "out")
    assert outcome.code == 2
    assert "the corpus 'none' of another package (foreign_speech:Labels) is <class" in outcome.err


def test_a_source_where_none_is_needed_and_none_where_one_is(staa: Staa, tmp_path: Path) -> None:
    outcome = staa("prepare", "demo", "--source", tmp_path, "-o", tmp_path / "out")
    assert (outcome.code, "the corpus 'demo' is built in; give no --source" in outcome.err) == (2, True)
    outcome = staa("prepare", "csv", "-o", tmp_path / "out")
    assert (outcome.code, "the corpus 'csv' needs --source: the CSV file that it lies in" in outcome.err) == (2, True)
    outcome = staa("prepare", "audformat", "--set", "audformat.name=x", "--source", tmp_path, "-o", tmp_path / "out")
    assert (outcome.code, "audb fetches the database 'x'; give no --source" in outcome.err) == (2, True)
