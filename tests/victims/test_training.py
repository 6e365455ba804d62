"""Training: what it keeps, and that an interruption changes nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from staa_cli.corpora.manifest import read_manifest
from staa_cli.generator.recipe import TrainGeneratorRecipe
from staa_cli.recipes import load_recipe
from staa_cli.runtime.errors import Interrupted
from staa_cli.runtime.listener import SILENT
from staa_cli.victims.recipe import TrainVictimRecipe

from ..conftest import World
from .conftest import fit_until_second_epoch

CPU = torch.device("cpu")


def test_learns_and_reports(world: World) -> None:
    summary = json.loads((world.emo18 / "metrics.json").read_text())["summary"]
    history = [json.loads(line) for line in (world.emo18 / "history.jsonl").read_text().splitlines()]
    assert [record["epoch"] for record in history] == [1, 2, 3]
    assert history[-1]["loss"] < history[0]["loss"]
    assert summary["parameters"] == 1_301_059
    best = max(history, key=lambda record: (record["val_uar_percent"], record["epoch"]))
    assert summary["best_epoch"] == best["epoch"]
    assert summary["val"]["uar_percent"] == best["val_uar_percent"]
    assert summary["last"]["val"]["uar_percent"] == history[-1]["val_uar_percent"]
    assert {path.name for path in world.emo18.iterdir()} == {
        "history.jsonl",
        "last.safetensors",
        "metrics.json",
        "model.safetensors",
        "recipe.yaml",
    }


@pytest.mark.parametrize("kind", ["victim", "generator"])
def test_interrupted_training_ends_as_an_undisturbed_one(kind: str, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from staa_cli.generator import training as generator_training
    from staa_cli.victims import training as victim_training
    from staa_cli.victims.checkpoint import load_victim

    module = victim_training if kind == "victim" else generator_training
    manifest = read_manifest(world.data)

    def train(folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        if kind == "victim":
            recipe = load_recipe(str(world.recipes["zhao19"]), TrainVictimRecipe)
            victim_training.train_victim(recipe, manifest, folder, CPU, SILENT)
        else:
            settings = load_recipe(str(world.recipes["staa-net"]), TrainGeneratorRecipe, ["guide=gradient", "looks=2", "target=any"])
            threat = load_victim(world.emo18, CPU)
            generator_training.train_generator(settings, manifest, [threat], folder, CPU, SILENT)

    with monkeypatch.context() as patch:
        patch.setattr(module, "fit", fit_until_second_epoch)
        with pytest.raises(Interrupted, match="run the same command again"):
            train(tmp_path / "halting")
    train(tmp_path / "halting")
    train(tmp_path / "steady")
    for name in ("model.safetensors", "history.jsonl"):
        assert (tmp_path / "halting" / name).read_bytes() == (tmp_path / "steady" / name).read_bytes()


def test_training_leaves_the_global_random_state_alone(world: World, tmp_path: Path) -> None:
    from staa_cli.victims.training import train_victim

    state = torch.get_rng_state()
    recipe = load_recipe(str(world.recipes["zhao19"]), TrainVictimRecipe, ["epochs=1"])
    train_victim(recipe, read_manifest(world.data), tmp_path, CPU, SILENT)
    assert torch.equal(state, torch.get_rng_state())
