"""Two processes on one batch make what one process makes of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from staa_cli.corpora.manifest import read_manifest
from staa_cli.corpora.tensors import load_audio
from staa_cli.recipes import load_recipe
from staa_cli.runtime.batch_norm import share_batch_norm
from staa_cli.runtime.parallel import ALONE, World, joined
from staa_cli.victims.checkpoint import build_victim
from staa_cli.victims.epoch import Epochs
from staa_cli.victims.recipe import TrainVictimRecipe
from staa_cli.victims.training import predict

from ..commands.conftest import run_process
from ..conftest import World as Tones
from ..processes import TORCHRUN, farthest, together

CPU = torch.device("cpu")


def test_shared_batch_norm_is_that_of_the_whole_batch(tmp_path: Path) -> None:
    inputs = 3 + 5 * torch.randn(7, 4, 50, generator=torch.Generator().manual_seed(0))
    factor = torch.randn(7, 4, 50, generator=torch.Generator().manual_seed(1))

    def work(world: World) -> dict[str, Tensor]:
        layer = nn.Sequential(nn.BatchNorm1d(4))
        if world.size > 1:
            share_batch_norm(layer)
        own = world.part(inputs).requires_grad_()
        outputs = layer(own)
        (outputs.pow(3) * world.part(factor)).sum().backward()
        world.sum_gradients(layer.parameters())
        gradients = {f"gradient of {name}": parameter.grad for name, parameter in layer.named_parameters()}
        assert own.grad is not None
        return {**layer.state_dict(), **gradients, "outputs": outputs.detach().contiguous(), "gradient": own.grad.contiguous()}  # type: ignore[dict-item]

    alone = work(ALONE)
    first, second = together(2, tmp_path, work)
    for name in ("outputs", "gradient"):
        joined_up = torch.cat([first.pop(name), second.pop(name)])
        assert torch.allclose(joined_up, alone.pop(name), atol=2e-4), name
    assert farthest(first, second) == 0
    for name in first:
        assert torch.allclose(first[name], alone[name], rtol=1e-5, atol=1e-4), name


@pytest.mark.parametrize(
    ("size", "overrides"),
    [
        (2, ["batch_size=5"]),
        (2, ["batch_size=5", "accumulate=2", "class_weights=balanced", "augment={shift: 0.1, noise_snr_db: [0, 9]}"]),
        pytest.param(3, ["batch_size=11"], id="3-a last batch of 2"),
    ],
)
def test_an_epoch_is_that_of_one_process(size: int, overrides: list[str], world: Tones, tmp_path: Path) -> None:
    """SGD, as Adam makes full steps of the rounding errors that are the whole gradient of a bias before a BatchNorm."""
    manifest = read_manifest(world.data)
    rows = manifest.split("train")
    audio = load_audio(manifest, rows)
    recipe = load_recipe(str(world.recipes["zhao19"]), TrainVictimRecipe, overrides)

    def work(processes: World) -> dict[str, Tensor]:
        victim = build_victim("zhao19", manifest.labels)
        optimizer = torch.optim.SGD(victim.parameters(), lr=0.03)
        epochs = Epochs(victim, optimizer, audio, [row.file for row in rows], recipe, CPU, processes)
        loss = epochs.run(0)
        found = predict(victim, audio, CPU, batch_size=5, world=processes)
        return {**victim.state_dict(), "loss": torch.tensor(loss), "predictions": found}

    alone = work(ALONE)
    fresh = build_victim("zhao19", manifest.labels).state_dict()
    ranks = together(size, tmp_path, work)
    assert all(farthest(ranks[0], other) == 0 for other in ranks[1:])
    assert farthest(fresh, alone) > 1e-3
    assert farthest({name: ranks[0][name] for name in fresh}, alone) < 2e-5
    assert float(ranks[0]["loss"]) == pytest.approx(float(alone["loss"]), rel=1e-5)
    assert torch.equal(ranks[0]["predictions"], alone["predictions"])


def test_torchrun_trains_one_victim(world: Tones, tmp_path: Path) -> None:
    """One folder, one result on stdout, the losses of a single process; typed again, there is nothing to do."""
    command = ("train-victim", world.recipes["emo18"], "--data", world.data, "-o", tmp_path / "out", "--device", "cpu")
    done = run_process(*TORCHRUN, *command, "--json", OMP_NUM_THREADS="1")
    assert done.code == 0, done.err
    metrics = json.loads(done.out)
    assert metrics["device"] == "cpu (2 processes)"
    assert done.err.count("epoch 3/3") == 1
    alone = json.loads((world.emo18 / "metrics.json").read_text())
    assert metrics["key"] == alone["key"]
    losses = [
        [json.loads(line)["loss"] for line in (run / "history.jsonl").read_text().splitlines()] for run in (tmp_path / "out", world.emo18)
    ]
    # Later epochs drift: Adam on this corpus makes 20 % of a change of the first weights by 1e-7, with one process as with two.
    assert losses[0][0] == pytest.approx(losses[1][0], rel=5e-4)
    assert losses[0][2] < losses[0][0] / 2
    assert {path.name for path in (tmp_path / "out").iterdir()} == {path.name for path in world.emo18.iterdir()}
    assert "nothing to do" in run_process(*TORCHRUN, *command).err


def test_without_torchrun_nothing_is_joined(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RANK", raising=False)
    monkeypatch.setenv("WORLD_SIZE", "2")  # some schedulers set it for their own purposes
    with joined("cuda:1") as (processes, device):
        assert (processes, device) == (ALONE, "cuda:1")
