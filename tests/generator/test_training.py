"""What the training of STAA-Net does beyond its losses."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import Mock

import pytest
import torch
from safetensors.torch import load_file
from torch.optim.swa_utils import AveragedModel

from staa_cli.corpora.manifest import read_manifest
from staa_cli.generator import training
from staa_cli.victims.augment import augment, draw_keys
from staa_cli.victims.recipe import AugmentRecipe

from ..conftest import Staa, World


def test_augment_alters_what_the_threat_model_hears(staa: Staa, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every utterance of every epoch once, by a key of its own; the weights learn from it; the shares on val are of unaltered speech."""
    heard: list[torch.Tensor] = []

    def listen(waveforms: torch.Tensor, keys: torch.Tensor, recipe: AugmentRecipe) -> torch.Tensor:
        assert waveforms.requires_grad
        heard.append(keys)
        return augment(waveforms, keys, recipe)

    monkeypatch.setattr(training, "augment", listen)
    command = ("train-generator", world.recipes["staa-net"], "--data", world.data, "--threat", world.emo18)
    altered = staa(*command, "--set", "augment={shift: 0.1, noise_snr_db: [5, 10]}", "-o", tmp_path / "out")
    assert altered.code == 0, altered.err
    files = [row.file for row in read_manifest(world.data).split("train")]
    expected = torch.cat([draw_keys(0, epoch, files) for epoch in range(2)])
    assert sorted(torch.cat(heard).tolist()) == sorted(expected.tolist())
    weights, plain = (load_file(folder / "model.safetensors") for folder in (tmp_path / "out", world.generator))
    assert not all(torch.equal(weights[name], plain[name]) for name in plain)


def test_without_augment_nothing_is_altered(staa: Staa, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "augment", None)
    command = ("train-generator", world.recipes["staa-net"], "--data", world.data, "--threat", world.emo18, "--set", "epochs=1")
    assert staa(*command, "-o", tmp_path / "out").code == 0


def test_average_is_what_is_kept(staa: Staa, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kept weights are the moving average, computed here once more from the weights after every step."""
    steps: list[dict[str, torch.Tensor]] = []
    update = AveragedModel.update_parameters

    def record(self: AveragedModel, network: torch.nn.Module) -> None:
        steps.append({name: value.clone() for name, value in network.state_dict().items()})
        update(self, network)

    monkeypatch.setattr(AveragedModel, "update_parameters", record)
    command = ("train-generator", world.recipes["staa-net"], "--data", world.data, "--threat", world.emo18, "--set", "average=0.75")
    run = staa(*command, "--set", "epochs=1", "-o", tmp_path / "out")
    assert run.code == 0, run.err
    expected = steps[0]
    for weights in steps[1:]:
        expected = {name: 0.75 * expected[name] + 0.25 * weights[name] for name in expected}
    kept = load_file(tmp_path / "out" / "model.safetensors")
    assert len(steps) == 6
    for name, tensor in kept.items():
        torch.testing.assert_close(tensor, expected[name])
        assert tensor.is_floating_point()
    assert not all(torch.equal(kept[name], steps[-1][name]) for name in kept)


def test_average_survives_an_interrupt(staa: Staa, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = ("train-generator", world.recipes["staa-net"], "--data", world.data, "--threat", world.emo18, "--set", "average=0.9")
    assert staa(*command, "-o", tmp_path / "whole").code == 0
    with monkeypatch.context() as patch:
        # The validation of the second epoch.
        first = {"asr_percent": 0.0, "sparsity_percent": 0.0}
        patch.setattr(training, "evaluate", Mock(side_effect=[first, KeyboardInterrupt]))
        assert staa(*command, "-o", tmp_path / "cut").code == 130
    again = staa(*command, "-o", tmp_path / "cut")
    assert again.code == 0
    assert "going on after epoch 1" in again.err
    assert (tmp_path / "cut" / "last.safetensors").read_bytes() == (tmp_path / "whole" / "last.safetensors").read_bytes()
