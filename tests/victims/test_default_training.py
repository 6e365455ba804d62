"""Without options, training is the STAA-Net paper's: bit for bit what a plain loop makes of the same tensors."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.nn.functional import cross_entropy

from staa_cli.audio.files import read_audio
from staa_cli.corpora.manifest import read_manifest
from staa_cli.recipes import load_recipe
from staa_cli.runtime.listener import SILENT
from staa_cli.runtime.seeds import generator
from staa_cli.victims.checkpoint import build_victim
from staa_cli.victims.recipe import TrainVictimRecipe
from staa_cli.victims.training import train_victim

from ..conftest import World


def plain_loop(world: World, model: str, epochs: int, batch_size: int, seed: int) -> dict[str, Tensor]:
    """Adam 1e-3 on the cross-entropy, written down without staa's own loop."""
    manifest = read_manifest(world.data)
    rows = manifest.split("train")
    waveforms = torch.stack([torch.from_numpy(read_audio(world.data / row.file).samples) for row in rows])
    targets = torch.tensor([manifest.labels.index(row.emotion) for row in rows])
    victim = build_victim(model, manifest.labels, seed)
    optimizer = torch.optim.Adam(victim.parameters(), lr=1e-3)
    for epoch in range(epochs):
        victim.train()
        for indices in torch.randperm(len(rows), generator=generator(seed, "order", epoch)).split(batch_size):
            if len(indices) == 1:
                continue
            loss = cross_entropy(victim(waveforms[indices]), targets[indices])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return victim.state_dict()


@pytest.mark.parametrize(("model", "batch_size"), [("emo18", 5), ("zhao19", 23)])
def test_default_training_is_the_papers_bit_for_bit(model: str, batch_size: int, world: World, tmp_path: Path) -> None:
    """24 utterances: the last batch is smaller, or a single utterance that BatchNorm could not learn from."""
    recipe = load_recipe(str(world.recipes[model]), TrainVictimRecipe, ["epochs=2", f"batch_size={batch_size}"], seed=3)
    train_victim(recipe, read_manifest(world.data), tmp_path, torch.device("cpu"), SILENT)
    expected = plain_loop(world, model, 2, batch_size, 3)
    found = load_file(tmp_path / "last.safetensors")
    assert found.keys() == expected.keys()
    assert [name for name in expected if not torch.equal(found[name], expected[name])] == []
