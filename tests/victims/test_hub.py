"""Models of the Hugging Face hub: a result is known by the weights that it used, and a dry run fetches nothing."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from staa_cli.runtime.errors import UsageError
from staa_cli.victims.checkpoint import load_victim
from staa_cli.victims.hub import cached, fetched
from staa_cli.victims.references import resolve

from ..conftest import Outcome, Staa, World
from .conftest import make_classifier

Publish = Callable[[Path, str], Path]
NAME = "org/model"


@pytest.fixture
def publish(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Publish:
    """Put a model's folder into the hub's cache as a revision, without a network: `publish(folder, commit)`."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    home = tmp_path / "cache" / "models--org--model"

    def put(folder: Path, commit: str, ref: str = "main") -> Path:
        (home / "refs" / ref).parent.mkdir(parents=True, exist_ok=True)
        (home / "refs" / ref).write_text(commit)
        return Path(shutil.copytree(folder, home / "snapshots" / commit))

    return put


def metrics(out: Path) -> dict[str, Any]:
    return json.loads((out / "metrics.json").read_text())  # type: ignore[no-any-return]


def test_what_the_cache_knows(publish: Publish, tmp_path: Path) -> None:
    assert cached(NAME) is None
    with pytest.raises(UsageError, match="the model 'org/model' could not be fetched from the Hugging Face hub"):
        fetched(NAME)
    model = make_classifier(tmp_path / "model", ["calm", "glad", "wild"])
    folder = publish(model, "1" * 40)
    assert cached(NAME) == fetched(NAME) == folder
    reference = resolve(f"hf:{NAME}")
    assert (reference.sha256, reference.revision) == (resolve(model).sha256, "1" * 40)


def test_a_model_that_the_hub_converted(publish: Publish, tmp_path: Path) -> None:
    """The weights of `main` are a pickle; those that the hub made of it lie in another revision."""
    model = make_classifier(tmp_path / "model", ["calm", "glad"])
    publish(model, "2" * 40, "refs/pr/7")
    (model / "model.safetensors").unlink()
    publish(model, "1" * 40)
    for found in (cached(NAME), fetched(NAME)):
        assert found is not None
        assert found.name == "2" * 40


@pytest.fixture
def train(staa: Staa, world: World, tmp_path: Path) -> Callable[..., Outcome]:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(f"step: train-victim\nmodel: wavlm\nepochs: 1\npretrained: {NAME}\n")
    return lambda *options: staa("train-victim", recipe, "--data", world.data, "-o", tmp_path / "out", *options)


def test_another_revision_is_another_encoder(
    train: Callable[..., Outcome], publish: Publish, encoders: dict[str, Path], tmp_path: Path
) -> None:
    publish(encoders["wavlm"], "1" * 40)
    assert train().code == 0
    made = metrics(tmp_path / "out")
    assert made["recipe"]["pretrained"] == NAME
    assert made["revisions"] == {NAME: "1" * 40}
    assert train().err.endswith("is finished: nothing to do\n")
    other = Path(shutil.copytree(encoders["wavlm"], tmp_path / "other"))
    config = json.loads((other / "config.json").read_text())
    (other / "config.json").write_text(json.dumps({**config, "initializer_range": 0.5}))
    publish(other, "2" * 40)
    for options in ((), ("--dry-run",)):
        refused = train(*options)
        assert refused.code == 2
        assert "version: checkpoints.pretrained …" in refused.err


def test_a_dry_run_fetches_no_encoder(train: Callable[..., Outcome], publish: Publish, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("staa_cli.victims.hub.fetched", lambda *_: pytest.fail("it was fetched"))
    outcome = train("--dry-run")
    assert outcome.code == 0, outcome.err
    assert outcome.err.startswith("warning: the model 'org/model' of the Hugging Face hub is not here yet: its revision is not known")


def test_a_dry_run_fetches_no_victim(staa: Staa, world: World, publish: Publish, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("staa_cli.victims.references.fetched", lambda *_: pytest.fail("it was fetched"))
    for command in (
        ("baseline", world.recipes["pgd"], world.data, "--split", "test", "--threat", f"hf:{NAME}"),
        ("attack", world.generator, world.data, "--split", "test", "--victim", f"hf:{NAME}"),
        ("train-generator", world.recipes["staa-net"], "--data", world.data, "--threat", f"hf:{NAME}"),
    ):
        outcome = staa(*command, "-o", tmp_path / "out", "--dry-run")
        assert outcome.code == 0, outcome.err
        assert outcome.err == (
            "warning: the model 'org/model' of the Hugging Face hub is not here yet: its revision is not known, nor whether a finished run "
            "used the same\n"
        )
        assert f"hf:{NAME}" in outcome.out
    with pytest.raises(UsageError, match="what it answers cannot be asked"):
        load_victim(resolve(f"hf:{NAME}", fetch=False))


def test_a_result_names_the_revision(staa: Staa, world: World, publish: Publish, tmp_path: Path) -> None:
    publish(make_classifier(tmp_path / "model", ["calm", "glad", "wild"]), "1" * 40)
    judged = ("--split", "test", "--victim", f"hf:{NAME}", "--limit", "1", "-o", tmp_path / "out")
    assert staa("attack", world.generator, world.data, *judged).code == 0
    assert metrics(tmp_path / "out")["revisions"] == {"model": "1" * 40}
