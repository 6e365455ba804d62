"""What the training of STAA-Net does beyond its losses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from staa_cli.audio.budget import Budget
from staa_cli.corpora.manifest import read_manifest
from staa_cli.generator import epoch as an_epoch
from staa_cli.generator import guide
from staa_cli.generator import hear as hearing
from staa_cli.generator.guide import look
from staa_cli.generator.hear import gain
from staa_cli.generator.recipe import Sparsity, TrainGeneratorRecipe
from staa_cli.runtime.parallel import ALONE
from staa_cli.victims.augment import augment, draw_keys
from staa_cli.victims.checkpoint import LoadedVictim
from staa_cli.victims.recipe import AugmentRecipe

from ..conftest import Staa, World


def test_augment_alters_what_the_threat_model_hears(staa: Staa, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every utterance of every epoch once, by a key of its own; the weights learn from it; the shares on val are of unaltered speech."""
    heard: list[torch.Tensor] = []

    def listen(waveforms: torch.Tensor, keys: torch.Tensor, recipe: AugmentRecipe) -> torch.Tensor:
        assert waveforms.requires_grad
        heard.append(keys)
        return augment(waveforms, keys, recipe)

    monkeypatch.setattr(hearing, "augment", listen)
    command = ("train-generator", world.recipes["staa-net"], "--data", world.data, "--threat", world.emo18)
    altered = staa(*command, "--set", "augment={shift: 0.1, noise_snr_db: [5, 10]}", "-o", tmp_path / "out")
    assert altered.code == 0, altered.err
    files = [row.file for row in read_manifest(world.data).split("train")]
    expected = torch.cat([draw_keys(0, epoch, files) for epoch in range(2)])
    assert sorted(torch.cat(heard).tolist()) == sorted(expected.tolist())
    weights, plain = (load_file(folder / "model.safetensors") for folder in (tmp_path / "out", world.generator))
    assert not all(torch.equal(weights[name], plain[name]) for name in plain)


def test_without_augment_nothing_is_altered(staa: Staa, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(an_epoch, "hear", None)
    command = ("train-generator", world.recipes["staa-net"], "--data", world.data, "--threat", world.emo18, "--set", "epochs=1")
    assert staa(*command, "-o", tmp_path / "out").code == 0


def test_a_generator_learns_to_reach_what_it_is_told(staa: Staa, world: World, tmp_path: Path) -> None:
    """On tones, in a few epochs: the wanted class far more often than by an untrained one."""
    command = ("train-generator", world.recipes["staa-net"], "--data", world.data, "--threat", world.emo18, "--set", "target=any")
    settings = ("--set", "guide=gradient", "--set", "sparsity.default=50", "--set", "budget.peak_snr_db=3", "--set", "learning_rate=3e-3")
    reached = {}
    for epochs, rate in ((1, 1e-9), (15, 5e-3)):
        out = tmp_path / str(epochs)
        run = staa(*command, *settings, "--set", f"epochs={epochs}", "--set", f"learning_rate={rate}", "-o", out)
        assert run.code == 0, run.err
        reached[epochs] = json.loads((out / "metrics.json").read_text())["summary"]["train"]["asr_percent"]
    assert reached[15] >= reached[1] + 10


def test_gradients_are_asked_for_once(staa: Staa, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They do not change while the generator learns; with wanted classes that change they do."""
    asked: list[int] = []

    def count(victim: Any, waveforms: torch.Tensor, *rest: Any, **more: Any) -> Any:
        asked.append(len(waveforms))
        return look(victim, waveforms, *rest, **more)

    monkeypatch.setattr(guide, "look", count)
    command = ("train-generator", world.recipes["staa-net"], "--data", world.data, "--threat", world.emo18, "--set", "guide=gradient")
    manifest = read_manifest(world.data)
    train, val = len(manifest.split("train")), len(manifest.split("val"))
    assert staa(*command, "-o", tmp_path / "away").code == 0
    assert sum(asked) == train + val
    asked.clear()
    assert staa(*command, "--set", "target=any", "-o", tmp_path / "towards").code == 0
    assert sum(asked) == 2 * (train + val) + train
    history = [json.loads(line) for line in (tmp_path / "towards" / "history.jsonl").read_text().splitlines()]
    summary = json.loads((tmp_path / "towards" / "metrics.json").read_text())["summary"]
    assert summary["val"] == {name: history[-1][f"val_{name}"] for name in ("asr_percent", "sparsity_percent")}


@pytest.mark.parametrize("pool", ["draw", "all"])
def test_every_threat_model_of_a_pool_is_heard(
    staa: Staa, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pool: str
) -> None:
    heard: list[str] = []
    call = LoadedVictim.__call__

    def listen(self: LoadedVictim, waveforms: torch.Tensor) -> torch.Tensor:
        if waveforms.requires_grad:
            heard.append(self.model)
        return call(self, waveforms)

    monkeypatch.setattr(LoadedVictim, "__call__", listen)
    threats = ("--threat", world.emo18, "--threat", world.zhao19)
    run = staa(
        "train-generator", world.recipes["staa-net"], "--data", world.data, *threats, "--set", f"pool={pool}", "-o", tmp_path / "out"
    )
    assert run.code == 0, run.err
    times = {name: heard.count(name) for name in ("emo18", "zhao19")}
    steps = 2 * -(-len(read_manifest(world.data).split("train")) // 4)
    assert sum(times.values()) == steps * (2 if pool == "all" else 1)
    assert min(times.values()) > 0
    attacked = staa("attack", tmp_path / "out", world.data, "--split", "test", "-o", tmp_path / "adv", "--json")
    assert json.loads(attacked.out)["summary"]["attacker"] == "STAA-Net conditional 20 % of emo18 and zhao19"


def test_every_threat_model_of_a_pool_counts_alike() -> None:
    network = torch.nn.Linear(2, 1, bias=False)
    weights = network.weight

    def losses() -> list[torch.Tensor]:
        return [1_000 * weights[0, 0], 4 * weights[0, 1], 0.5 * weights[0, 1]]

    an_epoch.gradients(network, losses(), 1.0, ALONE)
    assert torch.allclose(weights.grad, torch.tensor([[1.0, 1.5]]) / 3)  # type: ignore[arg-type]
    an_epoch.gradients(network, losses()[:1], None, ALONE)
    assert weights.grad.tolist() == [[1_000, 0]]  # type: ignore[union-attr]


def test_one_cycle_climbs_and_ends_at_nothing() -> None:
    recipe = TrainGeneratorRecipe(step="train-generator", budget=Budget(linf=0.1), sparsity=Sparsity())
    shares = [an_epoch.pace(recipe, 0, step / 1_000) for step in range(1_001)]
    assert max(shares) == pytest.approx(1) == shares[300]
    assert (shares[0], shares[-1]) == (pytest.approx(0.04), pytest.approx(0, abs=1e-9))
    assert shares[:301] == sorted(shares[:301])
    assert shares[300:] == sorted(shares[300:], reverse=True)


def test_spectral_gain_is_one_without_spread_and_within_it_otherwise() -> None:
    x = torch.randn(2, 8_000, generator=torch.Generator().manual_seed(0))
    keys = draw_keys(0, 0, ["a", "b"])
    assert torch.allclose(gain(x, keys, 1e-7), x, atol=1e-5)
    heard = gain(x, keys, 0.5)
    power = heard.square().mean(dim=1) / x.square().mean(dim=1)
    assert ((power > 0.25) & (power < 2.25)).all()
    assert not torch.allclose(heard, x, atol=0.1)
    assert torch.equal(gain(x[1:], keys[1:], 0.5), heard[1:]) or torch.allclose(gain(x[1:], keys[1:], 0.5), heard[1:], atol=1e-6)
