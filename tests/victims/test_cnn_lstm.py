"""The log-Mel CNN-LSTM: its features against an independent computation, its two steps, its pieces."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from staa_cli.attacks.pgd import PGD
from staa_cli.audio.budget import Budget
from staa_cli.victims.base import SpectrogramVictim, z_score
from staa_cli.victims.checkpoint import build_victim
from staa_cli.victims.cnn_lstm import CNNLSTM
from staa_cli.victims.log_mel import LogMel

from ..conftest import Staa, World, tone

LABELS = list("abcdefg")


def speech(seconds: float, seed: int = 0, count: int = 2) -> Tensor:
    random = torch.Generator().manual_seed(seed)
    return 0.1 * torch.randn(count, round(16_000 * seconds), generator=random)


def victim() -> SpectrogramVictim:
    built = build_victim("cnn-lstm", LABELS).eval().requires_grad_(False)
    assert isinstance(built, SpectrogramVictim)
    return built


def slaney_bank(bins: int, mels: int) -> np.ndarray:
    """Slaney's filters after their definition: linear below 1 kHz, logarithmic above, every filter of unit area."""
    step, knee, log_step = 200 / 3, 1000.0, np.log(6.4) / 27

    def to_hz(mel: np.ndarray) -> np.ndarray:
        return np.where(mel < knee / step, step * mel, knee * np.exp(log_step * (mel - knee / step)))

    top = knee / step + np.log(8_000 / knee) / log_step
    edges = to_hz(np.linspace(0, top, mels + 2))
    frequencies = np.linspace(0, 8_000, bins)[:, None]
    rising = (frequencies - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - frequencies) / (edges[2:] - edges[1:-1])
    return np.maximum(0, np.minimum(rising, falling)) * 2 / (edges[2:] - edges[:-2])


def test_log_mel_after_its_definition() -> None:
    waveform = (speech(0.2, count=1)[0] + tone(700, 3_200, 3)).double().numpy()
    padded = np.pad(waveform, 184, mode="reflect")
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(368) / 368)
    frames = np.stack([padded[start : start + 368] * window for start in range(0, len(padded) - 367, 184)])
    mel = np.abs(np.fft.rfft(frames)) ** 2 @ slaney_bank(185, 128)
    expected = 10 * np.log10(np.maximum(mel / mel.max(), 1e-8))
    found = LogMel()(torch.from_numpy(waveform).float().unsqueeze(0))[0]
    assert found.shape == (1 + 3_200 // 184, 128)
    np.testing.assert_allclose(found.numpy(), expected, atol=0.05)
    assert found.max() == 0
    assert found.min() >= -80


def test_three_seconds_are_261_frames() -> None:
    assert victim().features(speech(3)).shape == (2, 261, 128)
    assert CNNLSTM.FRAMES == 9 * CNNLSTM.BLOCK


def test_forward_is_features_then_classification() -> None:
    model, x = victim(), speech(3)
    assert torch.equal(model(x), model.classify(model.features(x)))
    network = model.network
    assert torch.equal(model(x), network(z_score(x)))


def test_both_input_spaces_have_gradients() -> None:
    model = victim()
    x = speech(3).requires_grad_()
    features = model.features(x)
    (on_waveform,) = torch.autograd.grad(model.classify(features)[:, 0].sum(), x)
    inner = features.detach().requires_grad_()
    (on_features,) = torch.autograd.grad(model.classify(inner)[:, 0].sum(), inner)
    for gradient in (on_waveform, on_features):
        assert gradient.isfinite().all()
        assert (gradient != 0).double().mean() > 0.5


@pytest.mark.parametrize("x", [torch.zeros(1, 5_000), torch.full((1, 5_000), 0.5)], ids=["silence", "offset"])
def test_silence_has_finite_gradients(x: Tensor) -> None:
    x = x.requires_grad_()
    (gradient,) = torch.autograd.grad(victim()(x).sum(), x)
    assert gradient.isfinite().all()


def test_utterances_of_a_batch_do_not_meet() -> None:
    """An 80 dB floor below the loudest bin of the whole batch would let a loud utterance flatten a quiet one."""
    model = victim()
    quiet, loud = speech(1, 1, 1), tone(300, 16_000, 2).unsqueeze(0)
    together = model(torch.cat([quiet, loud]))
    torch.testing.assert_close(together, torch.cat([model(quiet), model(loud)]))


def test_pieces_are_repeated_and_vote_by_their_length() -> None:
    network = CNNLSTM(3).eval()
    features = network.features(speech(4))
    pieces = list(network.pieces(features))
    assert [own for _, own in pieces] == [261, features.shape[1] - 261]
    second, own = pieces[1]
    assert torch.equal(second[:, own : 2 * own], second[:, :own])
    weights = torch.tensor([own for _, own in pieces]) / features.shape[1]
    expected = sum(weight * network.classify_piece(piece) for weight, (piece, _) in zip(weights, pieces, strict=True))
    torch.testing.assert_close(network.classify(features), expected)


def test_pgd_works_through_the_features() -> None:
    model = victim()
    x = speech(1)
    reference = model(x).argmax(dim=1)
    attacked = PGD(budget=Budget(linf=0.05), steps=5, step_size=0.3)(model, x, reference, [0, 1])

    def margin(waveforms: Tensor) -> Tensor:
        return torch.nn.functional.cross_entropy(model(waveforms), reference)

    assert margin(attacked) > margin(x) + 0.01


def test_checkpoint_holds_no_derived_tables() -> None:
    assert not any("log_mel" in name for name in build_victim("cnn-lstm", LABELS).state_dict())


def test_it_trains_by_the_command_line(staa: Staa, world: World, tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("step: train-victim\nmodel: cnn-lstm\nepochs: 2\nbatch_size: 12\n")
    outcome = staa("train-victim", recipe, "--data", world.data, "-o", tmp_path / "out", "--json")
    assert outcome.code == 0, outcome.err
    summary = json.loads(outcome.out)["summary"]
    assert summary["model"] == "cnn-lstm"
    history = [json.loads(line) for line in (tmp_path / "out" / "history.jsonl").read_text().splitlines()]
    assert history[1]["loss"] < history[0]["loss"]
    options = ("--set", "steps=1", "--threat", tmp_path / "out", "-o", tmp_path / "pgd")
    pgd = staa("baseline", world.recipes["pgd"], world.data, "--split", "test", *options)
    assert pgd.code == 0, pgd.err
