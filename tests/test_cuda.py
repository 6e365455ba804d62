"""The chain on a CUDA device. Skipped, saying so, where there is none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from staa_cli.attacks.core.registry import attack_names
from staa_cli.runtime.checkpoints import save_module
from staa_cli.victims.checkpoint import build_victim, load_victim, victim_header

from .attacks.test_all_attacks import recipe as cheap_attack
from .conftest import Staa, World
from .victims.conftest import export, make_classifier, tiny

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no CUDA device")


def test_training_attack_and_baseline_run_and_keep_their_promises(staa: Staa, world: World, tmp_path: Path) -> None:
    cuda = ("--device", "cuda:0")
    assert staa("train-victim", world.recipes["emo18"], "--data", world.data, "-o", tmp_path / "emo18", *cuda).code == 0
    training = ("--data", world.data, "--threat", tmp_path / "emo18", "-o", tmp_path / "generator")
    assert staa("train-generator", world.recipes["staa-net"], *training, *cuda).code == 0
    judged = (world.data, "--split", "test", "--victim", world.zhao19)
    assert staa("attack", tmp_path / "generator", *judged, "-o", tmp_path / "attack", *cuda).code == 0
    # The LSTM's backward pass in evaluation mode is what cuDNN refuses if it is not handled.
    assert staa("baseline", world.recipes["pgd"], *judged, "--threat", tmp_path / "emo18", "-o", tmp_path / "pgd", *cuda).code == 0
    for run in ("attack", "pgd"):
        metrics = json.loads((tmp_path / run / "metrics.json").read_text())
        assert metrics["device"] == "cuda:0"
        records = [json.loads(line) for line in (tmp_path / run / "results.jsonl").read_text().splitlines()]
        assert all(record["linf"] <= record["epsilon"] for record in records)


def test_predictions_agree_with_the_cpu(staa: Staa, world: World, tmp_path: Path) -> None:
    for device in ("cpu", "cuda"):
        assert staa("attack", world.generator, world.data, "--split", "test", "-o", tmp_path / device, "--device", device).code == 0
    lines = [[json.loads(line) for line in (tmp_path / device / "results.jsonl").read_text().splitlines()] for device in ("cpu", "cuda")]
    assert [record["clean"] for record in lines[0]] == [record["clean"] for record in lines[1]]


@pytest.mark.parametrize("kind", ["pt2", "onnx", "transformers", "cnn-lstm"])
def test_victims_answer_as_on_the_cpu(tmp_path: Path, kind: str) -> None:
    labels = ["calm", "glad", "wild"]
    match kind:
        case "transformers":
            path = make_classifier(tmp_path / "model", labels)
        case "cnn-lstm":
            path = tmp_path
            victim = build_victim(kind, labels)
            save_module(path / "model.safetensors", victim, victim_header(kind, victim))
        case _:
            path = export(tmp_path / f"model.{kind}", tiny(), labels)
    waveforms = 0.1 * torch.randn(2, 4_000, generator=torch.Generator().manual_seed(0))
    found = {}
    for device in ("cpu", "cuda"):
        x = waveforms.to(device).requires_grad_(kind != "onnx")
        logits = load_victim(path, torch.device(device)).victim(x)
        assert logits.device.type == device
        found[device] = [logits.detach().cpu()]
        if kind != "onnx":
            found[device] += [gradient.cpu() for gradient in torch.autograd.grad(logits[:, 0].sum(), x)]
    for on_cpu, on_cuda in zip(found["cpu"], found["cuda"], strict=True):
        torch.testing.assert_close(on_cuda, on_cpu, rtol=1e-2, atol=1e-3)


@pytest.mark.parametrize("name", attack_names())
def test_every_attack_runs_and_stays_within_its_ball(name: str) -> None:
    """Also the LSTM's backward pass in evaluation mode, for each of them."""
    victim = build_victim("emo18", ["a", "b", "c"]).cuda().eval().requires_grad_(False)
    x = 0.1 * torch.randn(3, 4_000, generator=torch.Generator().manual_seed(0)).cuda()
    outcome = cheap_attack(name).run(victim, x, victim(x).argmax(dim=1), range(3))
    assert outcome.adversarial.device == x.device
    assert outcome.adversarial.isfinite().all()
    assert ((outcome.adversarial - x).abs() <= 0.1 + 1e-7).all()
    assert outcome.adversarial.abs().max() <= 1
