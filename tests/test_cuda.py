"""The chain on a CUDA device. Skipped, saying so, where there is none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from .conftest import Staa, World

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
