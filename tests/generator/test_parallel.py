"""Several processes that train one generator make what one process makes of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor

from staa_cli.corpora.manifest import read_manifest
from staa_cli.corpora.tensors import LabelledAudio
from staa_cli.generator import guide, training
from staa_cli.generator.checkpoint import build_generator
from staa_cli.generator.epoch import GeneratorEpochs
from staa_cli.generator.guide import look
from staa_cli.generator.losses import magnitude_loss, quantisation_loss, sparsity_loss
from staa_cli.generator.pupils import Pupils
from staa_cli.generator.recipe import TrainGeneratorRecipe
from staa_cli.generator.staa_net import Perturbed
from staa_cli.generator.training import evaluate
from staa_cli.recipes import load_recipe
from staa_cli.runtime.errors import Interrupted
from staa_cli.runtime.listener import SILENT
from staa_cli.runtime.parallel import ALONE, World
from staa_cli.victims.checkpoint import load_victim
from staa_cli.victims.training import predict

from ..commands.conftest import run_process
from ..conftest import World as Tones
from ..processes import TORCHRUN, farthest, together
from ..victims.conftest import fit_until_second_epoch

CPU = torch.device("cpu")
GUIDED = ["guide=gradient", "looks=2", "trained_snr=[0, 10]", "budget={peak_snr_db: 5}", "augment={shift: 0.1, spectral_gain: 0.7}"]
PAPER = [
    "sparsity=null",
    "guide=none",
    "threshold={dense_start: true}",
    "upsampling=linear",
    "bound=clip",
    "budget={linf: 0.05}",
    "decay={}",
]


@pytest.fixture
def double(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Everything in float64, in which a sum's order cannot turn a position or a clipped magnitude."""
    batch = LabelledAudio.batch

    def as_double(self: LabelledAudio, indices: Tensor, device: torch.device) -> tuple[Tensor, Tensor]:
        waveforms, targets = batch(self, indices, device)
        return waveforms.double(), targets

    monkeypatch.setattr(LabelledAudio, "batch", as_double)
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize(
    ("size", "overrides"),
    [
        pytest.param(3, [*GUIDED, "batch_size=11"], id="3-guided, a last batch of 2"),
        pytest.param(3, [*PAPER, "batch_size=11", "pool=all", "reference=label"], id="3-the paper's, a last batch of 2"),
        pytest.param(2, ["guide=gradient", "target=any", "budget={peak_snr_db: 0}", "batch_size=5"], id="2-targeted"),
    ],
)
def test_two_epochs_are_those_of_one_process(size: int, overrides: list[str], world: Tones, tmp_path: Path) -> None:
    """SGD, as Adam makes full steps of rounding errors. In the second epoch other processes need the gradients that were found in the
    first one, at the peak SNR of then."""
    recipe = load_recipe(str(world.recipes["staa-net"]), TrainGeneratorRecipe, ["learning_rate=0.003", *overrides])
    manifest = read_manifest(world.data)
    rows = manifest.split("train")
    threats = [load_victim(world.emo18), load_victim(world.zhao19)]

    def work(processes: World) -> dict[str, Tensor]:
        network = build_generator(recipe, 3)
        optimizer = torch.optim.SGD(network.parameters())
        pupils, val = (Pupils.of(recipe, threats[0], manifest, manifest.split(part), CPU, processes) for part in ("train", "val"))
        clean = [predict(threat.victim, pupils.audio, CPU, world=processes) for threat in threats]
        epochs = GeneratorEpochs(network, optimizer, threats, pupils, clean, [row.file for row in rows], CPU, processes)
        records = [{**epochs.run(epoch), **evaluate(network, threats[0], val, CPU, processes)} for epoch in range(2)]
        return {**network.state_dict(), "records": torch.tensor([list(record.values()) for record in records])}

    fresh = build_generator(recipe, 3).state_dict()
    alone = work(ALONE)
    ranks = together(size, tmp_path, work)
    assert all(farthest(ranks[0], other) == 0 for other in ranks[1:])
    moved = farthest(fresh, alone)
    assert moved > 1e-4
    assert farthest({name: ranks[0][name] for name in fresh}, alone) < 1e-8 * moved
    assert torch.allclose(ranks[0]["records"], alone["records"])


def test_gradients_are_asked_for_once_by_all_processes_together(world: Tones, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = load_recipe(str(world.recipes["staa-net"]), TrainGeneratorRecipe, ["guide=gradient", "batch_size=5"])
    manifest = read_manifest(world.data)
    rows = manifest.split("train")
    threat = load_victim(world.emo18)
    asked: list[int] = []

    def count(victim: torch.nn.Module, waveforms: Tensor, *rest: Tensor, **more: int) -> tuple[Tensor, Tensor]:
        asked.append(len(waveforms))
        return look(victim, waveforms, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(guide, "look", count)

    def work(processes: World) -> dict[str, Tensor]:
        network = build_generator(recipe, 3)
        pupils = Pupils.of(recipe, threat, manifest, rows, CPU, processes)
        optimizer = torch.optim.SGD(network.parameters())
        epochs = GeneratorEpochs(network, optimizer, [threat], pupils, [pupils.clean], [row.file for row in rows], CPU, processes)
        for epoch in range(2):
            epochs.run(epoch)
        evaluate(network, threat, pupils, CPU, processes)
        return {"asked": torch.tensor(sum(asked))}

    assert sum(int(rank["asked"]) for rank in together(2, tmp_path, work)) == len(rows)


@pytest.mark.parametrize("silent", [False, True], ids=["", "nothing moves in the last part"])
@pytest.mark.parametrize("over", ["batch", "utterance"])
def test_norms_of_a_shared_batch(over: str, silent: bool, tmp_path: Path) -> None:
    """Weighed by the sizes of the parts, they and their gradients are those of the whole batch."""
    random = torch.Generator().manual_seed(0)
    values = torch.randn(3, 5, 40, generator=random)
    if silent:
        values[:, 3:] = 0

    def work(processes: World) -> dict[str, Tensor]:
        magnitudes, positions, soft = (processes.part(part).clone().requires_grad_() for part in values)
        perturbed = Perturbed(magnitudes, magnitudes, positions, soft)
        losses = torch.stack(
            [
                magnitude_loss(perturbed, over, processes),
                sparsity_loss(perturbed, over, True, processes),
                quantisation_loss(perturbed, over, processes),
            ]
        ) * (len(magnitudes) / 5)
        losses.sum().backward()
        whole = {name: processes.whole(leaf.grad, 5) for name, leaf in (("v", magnitudes), ("m", positions), ("∂", soft))}  # type: ignore[arg-type]
        return {**whole, "losses": processes.sum(losses.detach().clone())}

    alone = work(ALONE)
    for found in together(2, tmp_path, work):
        for name, expected in alone.items():
            assert torch.allclose(found[name], expected, rtol=1e-5, atol=1e-7), name


def test_torchrun_trains_one_generator(world: Tones, tmp_path: Path) -> None:
    """One folder, one result on stdout, the losses of a single process; typed again, there is nothing to do."""
    command = ("train-generator", world.recipes["staa-net"], "--data", world.data, "--threat", world.emo18, "--device", "cpu")
    done = run_process(*TORCHRUN, *command, "-o", tmp_path / "out", "--json", OMP_NUM_THREADS="1")
    assert done.code == 0, done.err
    metrics = json.loads(done.out)
    assert metrics["device"] == "cpu (2 processes)"
    assert done.err.count("epoch 2/2") == 1
    alone = json.loads((world.generator / "metrics.json").read_text())
    assert metrics["key"] == alone["key"]
    records = [
        [json.loads(line) for line in (run / "history.jsonl").read_text().splitlines()] for run in (tmp_path / "out", world.generator)
    ]
    assert [record["loss"] for record in records[0]] == pytest.approx([record["loss"] for record in records[1]], rel=1e-3)
    assert {path.name for path in (tmp_path / "out").iterdir()} == {path.name for path in world.generator.iterdir()}
    again = run_process(*TORCHRUN, *command, "-o", tmp_path / "out", "--json")
    assert json.loads(again.out) == metrics
    assert "nothing to do" in again.err


def test_interrupted_processes_end_as_undisturbed_ones(world: Tones, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = load_recipe(str(world.recipes["staa-net"]), TrainGeneratorRecipe, ["guide=gradient"])
    manifest = read_manifest(world.data)

    def train(folder: Path, meeting: str) -> dict[str, Tensor]:
        for path in (folder, tmp_path / meeting):
            path.mkdir(exist_ok=True)

        def work(processes: World) -> dict[str, Tensor]:
            try:
                summary = training.train_generator(recipe, manifest, [load_victim(world.emo18)], folder, CPU, SILENT, processes)
            except Interrupted:
                return {"epochs": torch.zeros(())}
            return {"epochs": torch.tensor(summary["epochs"]), **{name: torch.tensor(value) for name, value in summary["train"].items()}}

        first, second = together(2, tmp_path / meeting, work)
        assert farthest(first, second) == 0
        return first

    with monkeypatch.context() as patch:
        patch.setattr(training, "fit", fit_until_second_epoch)
        assert train(tmp_path / "halting", "one")["epochs"] == 0
    halting, steady = train(tmp_path / "halting", "two"), train(tmp_path / "steady", "three")
    assert halting == steady
    for name in ("model.safetensors", "history.jsonl"):
        assert (tmp_path / "halting" / name).read_bytes() == (tmp_path / "steady" / name).read_bytes()
