"""What the training of STAA-Net does beyond its losses."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from staa_cli.corpora.manifest import read_manifest
from staa_cli.generator import training
from staa_cli.recipes.augment import AugmentRecipe
from staa_cli.victims.augment import augment, draw_keys

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
