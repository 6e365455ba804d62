"""Attacks on the log-Mel spectrogram itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from staa_cli.audio.files import read_audio
from staa_cli.evaluation.recipe import BaselineRecipe
from staa_cli.runtime.checkpoints import save_module
from staa_cli.victims.base import SpectrogramVictim
from staa_cli.victims.checkpoint import build_victim, victim_header

from ..conftest import EMOTIONS, Staa, World

PGD = "step: baseline\nattack: pgd\nspace: logmel\nbudget: {db: 6}\nsteps: 4\nstep_size: 0.4\n"
ONE_PIXEL = "step: baseline\nattack: one-pixel\nspace: logmel\nbudget: {db: 6}\nsteps: 1\npopulation: 4\n"
LIMIT = 6.0


@pytest.fixture(scope="module")
def cnn_lstm(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, SpectrogramVictim]:
    victim = build_victim("cnn-lstm", list(EMOTIONS)).eval().requires_grad_(False)
    assert isinstance(victim, SpectrogramVictim)
    folder = tmp_path_factory.mktemp("cnn-lstm")
    save_module(folder / "model.safetensors", victim, victim_header("cnn-lstm", victim))
    return folder, victim


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "pgd.yaml"
    path.write_text(PGD)
    return path


def files(world: World) -> list[Path]:
    return sorted((world.data / "audio/dot").glob("*.wav"))[::5]


def results(folder: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    records = [json.loads(line) for line in (folder / "results.jsonl").read_text().splitlines()]
    return json.loads((folder / "metrics.json").read_text())["summary"], records


@pytest.mark.parametrize("text", [PGD, ONE_PIXEL], ids=["pgd", "one-pixel"])
def test_a_spectrogram_is_attacked_written_and_judged(
    staa: Staa, world: World, cnn_lstm: tuple[Path, SpectrogramVictim], recipe: Path, tmp_path: Path, text: str
) -> None:
    folder, victim = cnn_lstm
    recipe.write_text(text)
    out = tmp_path / "out"
    outcome = staa("baseline", recipe, *files(world), "--threat", folder, "--batch-size", 4, "-o", out)
    assert outcome.code == 0, outcome.err
    assert "on log-Mel" in outcome.out
    assert "no audio has it" in outcome.out
    assert not list(out.rglob("*.wav"))
    summary, records = results(out)
    assert summary["space"] == "logmel"
    assert summary["budget"] == {"db": LIMIT}
    assert summary["snr_peak_db"] == {"all": None, "successful": None}
    assert summary["linf_max"] <= LIMIT + 1e-4
    assert summary["sparsity_percent"]["all"] > 0
    for record in records:
        row = np.load(out / record["output"])
        clean = victim.features(torch.from_numpy(read_audio(world.data / "audio/dot" / record["file"]).samples).unsqueeze(0))
        assert row.shape == clean.shape[1:]
        written = torch.from_numpy(40 * (row - 1)).unsqueeze(0)
        assert ((written - clean).abs() <= LIMIT + 1e-4).all()
        assert ((written <= 1e-4) & (written >= -80 - 1e-4)).all()
        assert record["clean"] == victim.labels[int(victim.classify(clean).argmax())]
        assert record["adversarial"] == victim.labels[int(victim.classify(written).argmax())]
        assert record["epsilon"] == pytest.approx(LIMIT)
        assert record["linf"] == pytest.approx(float((written - clean).abs().max()), abs=1e-3)
        assert record["memory"]["linf"] == record["linf"]


def test_predictions_move_and_a_finished_run_is_recognised(
    staa: Staa, world: World, cnn_lstm: tuple[Path, SpectrogramVictim], recipe: Path, tmp_path: Path
) -> None:
    command = ("baseline", recipe, *files(world), "--threat", cnn_lstm[0], "-o", tmp_path / "out", "--batch-size", 4)
    assert staa(*command).code == 0
    assert results(tmp_path / "out")[0]["victims"]["cnn-lstm"]["asr_percent"] > 0
    assert "is finished: nothing to do" in staa(*command).err


def test_victims_that_take_waveforms_are_refused(
    staa: Staa, world: World, cnn_lstm: tuple[Path, SpectrogramVictim], recipe: Path, tmp_path: Path
) -> None:
    for threat, victim in ((world.emo18, cnn_lstm[0]), (cnn_lstm[0], world.emo18)):
        outcome = staa("baseline", recipe, world.data, "--threat", threat, "--victim", victim, "-o", tmp_path / "out")
        assert outcome.code == 2
        assert "victim 'emo18' takes waveforms, and 'space: logmel' makes none" in outcome.err


@pytest.mark.parametrize(("space", "budget"), [("logmel", {"linf": 0.1}), ("logmel", {"peak_snr_db": 20}), ("waveform", {"db": 2})])
def test_every_space_has_its_budget(space: str, budget: dict[str, float]) -> None:
    data = {"step": "baseline", "attack": "deepfool", "space": space, "budget": budget}
    schema = BaselineRecipe.schema_for(data)
    with pytest.raises(ValueError, match="goes with a budget in dB"):
        schema.model_validate(data)
