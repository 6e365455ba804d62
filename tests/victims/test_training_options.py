"""The options of victim training, each by what it changes."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.nn.functional import cross_entropy

from staa_cli.corpora.manifest import read_manifest
from staa_cli.corpora.tensors import LabelledAudio, load_audio
from staa_cli.recipes import load_recipe
from staa_cli.runtime.checkpoints import TrainingState
from staa_cli.runtime.device import deterministic
from staa_cli.runtime.errors import Interrupted, UsageError
from staa_cli.runtime.listener import SILENT
from staa_cli.runtime.training import stale
from staa_cli.victims import training
from staa_cli.victims.checkpoint import build_victim
from staa_cli.victims.epoch import Epochs
from staa_cli.victims.recipe import TrainVictimRecipe
from staa_cli.victims.sampling import balanced_weights, draw_order, group_batches

from ..conftest import World

CPU = torch.device("cpu")
AUGMENTED = ["augment={shift: 0.1, noise_snr_db: [5, 15], time_mask: 0.2, frequency_mask: 0.2}", "sampling=balanced"]


def settings(world: World, *overrides: str) -> TrainVictimRecipe:
    return load_recipe(str(world.recipes["zhao19"]), TrainVictimRecipe, overrides)


def train(world: World, folder: Path, *overrides: str) -> dict[str, Any]:
    folder.mkdir(exist_ok=True)
    return training.train_victim(settings(world, *overrides), read_manifest(world.data), folder, CPU, SILENT)


def one_epoch(world: World, *overrides: str, take: list[int] | None = None) -> tuple[dict[str, Tensor], float]:
    """The weights and the loss after an epoch on the training utterances, or on those in `take`."""
    manifest = read_manifest(world.data)
    rows = manifest.split("train")
    rows = rows if take is None else [rows[index] for index in take]
    recipe, victim = settings(world, *overrides), build_victim("zhao19", manifest.labels)
    optimizer = torch.optim.SGD(victim.parameters(), lr=0.1)
    loss = Epochs(victim, optimizer, load_audio(manifest, rows), [row.file for row in rows], recipe, CPU).run(0)
    return victim.state_dict(), loss


def nearest(first: dict[str, Tensor], second: dict[str, Tensor]) -> float:
    """The largest difference between two sets of weights."""
    return max(float((first[name].double() - second[name].double()).abs().max()) for name in first)


def test_balanced_weights_and_draws() -> None:
    targets = torch.tensor([0] * 90 + [2] * 10)
    weights = balanced_weights(targets, 4)
    assert weights.tolist() == pytest.approx([100 / 180, 0, 5, 0])
    assert weights[targets].mean() == pytest.approx(1)
    drawn = torch.cat([targets[draw_order(targets, "balanced", 0, epoch)] for epoch in range(50)])
    assert abs(float((drawn == 2).double().mean()) - 0.5) < 0.03
    assert torch.equal(draw_order(targets, "balanced", 0, 1), draw_order(targets, "balanced", 0, 1))
    assert not torch.equal(draw_order(targets, "balanced", 0, 1), draw_order(targets, "balanced", 0, 2))


def test_batches_of_a_step() -> None:
    grouped = [[len(batch) for batch in group] for group in group_batches(torch.arange(25), 4, 4)]
    assert grouped == [[4, 4, 4, 4], [4, 4]], "a last batch of one utterance is left out"


def test_accumulated_batches_make_one_step_of_their_mean(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """10 utterances in batches of 4, 4, 2: the step must be that of the mean over 10, whatever the sizes."""
    take, overrides = [*range(0, 21, 3), 1, 2, 5], ("batch_size=4", "class_weights=balanced")
    accumulated, loss = one_epoch(world, *overrides, "accumulate=3", take=take)
    manifest = read_manifest(world.data)
    rows = [manifest.split("train")[index] for index in take]
    audio = load_audio(manifest, rows)
    weights = balanced_weights(audio.targets, 3)
    victim = build_victim("zhao19", manifest.labels).train()
    optimizer = torch.optim.SGD(victim.parameters(), lr=0.1)
    losses, mass = [], []
    for indices in draw_order(audio.targets, "shuffle", 0, 0).split(4):
        waveforms, targets = audio.batch(indices, CPU)
        losses.append(cross_entropy(victim(waveforms), targets, weights, reduction="sum"))
        mass.append(weights[targets].sum())
    mean = torch.stack(losses).sum() / torch.stack(mass).sum()
    mean.backward()
    optimizer.step()
    assert loss == pytest.approx(float(mean.detach()), rel=1e-6)
    assert nearest(accumulated, victim.state_dict()) < 1e-6
    assert nearest(one_epoch(world, *overrides, take=take)[0], victim.state_dict()) > 1e-4


def test_class_weights_change_what_an_imbalanced_epoch_teaches(world: World) -> None:
    rows = read_manifest(world.data).split("train")
    common, rare = ([i for i, row in enumerate(rows) if (row.emotion == "wild") == wild] for wild in (False, True))
    rare = common[:14] + rare[:1]
    assert nearest(one_epoch(world, take=rare)[0], one_epoch(world, "class_weights=balanced", take=rare)[0]) > 1e-4
    assert nearest(one_epoch(world)[0], one_epoch(world, "class_weights=balanced")[0]) < 1e-5, "24 utterances, 8 of each emotion"


def test_bfloat16_learns_in_half_precision_and_is_judged_in_full(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[bool, torch.dtype]] = []
    original = training.Victim.forward

    def forward(self: training.Victim, waveforms: Tensor) -> Tensor:
        logits = original(self, waveforms)
        seen.append((self.network.features.training, logits.dtype))  # type: ignore[union-attr]
        return logits

    monkeypatch.setattr(training.Victim, "forward", forward)
    half, _ = one_epoch(world, "precision=bfloat16")
    training.evaluate(
        build_victim("zhao19", ["a", "b", "c"]), load_audio(read_manifest(world.data), read_manifest(world.data).split("val")), CPU
    )
    assert set(seen) == {(True, torch.bfloat16), (False, torch.float32)}
    assert all(tensor.dtype != torch.bfloat16 for tensor in half.values()), "the weights stay float32"
    full, _ = one_epoch(world)
    assert 0 < nearest(full, half) < 0.2


def test_patience_stops_at_the_score_and_a_tie_does_not_count(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scores = iter([50.0, 60.0, 60.0, 55.0, 99.0])
    real = training.evaluate

    def scripted(victim: Any, audio: LabelledAudio, device: torch.device, *rest: Any) -> dict[str, Any]:
        return {**real(victim, audio, device), "uar_percent": next(scores, 1.0)}

    monkeypatch.setattr(training, "evaluate", scripted)
    summary = train(world, tmp_path, "epochs=5", "patience=2")
    assert (summary["epochs"], summary["best_epoch"]) == (4, 3)
    assert len((tmp_path / "history.jsonl").read_text().splitlines()) == 4


def test_patience_follows_from_the_history() -> None:
    state = TrainingState(history=[{"score": value} for value in (1.0, 3.0, 3.0, 2.0)])
    assert [stale(state, "score", patience) for patience in (None, 1, 2, 3)] == [False, True, True, False]
    assert not stale(TrainingState(), "score", 1)


def test_patience_needs_val(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    manifest = read_manifest(world.data)
    manifest.rows[:] = [row for row in manifest.rows if row.split != "val"]
    with pytest.raises(UsageError, match="'patience' watches the split 'val'"):
        training.train_victim(settings(world, "patience=1"), manifest, tmp_path, CPU, SILENT)


def switches() -> tuple[object, ...]:
    cudnn = torch.backends.cudnn
    return (
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
        cudnn.deterministic,
        cudnn.benchmark,
        os.environ.get("CUBLAS_WORKSPACE_CONFIG"),
    )


def test_determinism_is_scoped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", True)
    before = switches()
    with deterministic(False):
        assert switches() == before
    with deterministic(True):
        assert switches() == (True, True, True, False, os.environ.get("CUBLAS_WORKSPACE_CONFIG") or ":4096:8")
    assert switches() == before


def test_determinism_holds_during_training_alone(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen, real = [], training.evaluate
    monkeypatch.setattr(training, "evaluate", lambda *arguments: (seen.append(switches()[0]), real(*arguments))[1])
    train(world, tmp_path / "off", "epochs=1")
    train(world, tmp_path / "on", "epochs=1", "deterministic=on")
    assert set(seen[: len(seen) // 2]) == {False}
    assert set(seen[len(seen) // 2 :]) == {True}
    assert not torch.are_deterministic_algorithms_enabled()


def interrupting(fit: Callable[..., Any], epoch_to_break: int) -> Callable[..., Any]:
    """`fit`, with Ctrl-C in the middle of an epoch, after its first steps."""

    def broken(*arguments: Any, **options: Any) -> Any:
        run_epoch = arguments[5]

        def until(epoch: int, state: TrainingState) -> Any:
            record = run_epoch(epoch, state)
            if epoch == epoch_to_break:
                raise KeyboardInterrupt
            return record

        return fit(*arguments[:5], until, *arguments[6:], **options)

    return broken


def test_augmented_training_goes_on_bit_for_bit(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(training, "fit", interrupting(training.fit, 1))
        with pytest.raises(Interrupted):
            train(world, tmp_path / "halting", *AUGMENTED)
    train(world, tmp_path / "halting", *AUGMENTED)
    train(world, tmp_path / "steady", *AUGMENTED)
    train(world, tmp_path / "plain", *AUGMENTED[1:])
    halting, steady, plain = (load_file(tmp_path / name / "last.safetensors") for name in ("halting", "steady", "plain"))
    assert nearest(halting, steady) == 0
    assert nearest(plain, steady) > 1e-4
    assert (tmp_path / "halting/history.jsonl").read_bytes() == (tmp_path / "steady/history.jsonl").read_bytes()


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("augment={}", "expected at least one of 'shift'"),
        ("augment={noise_snr_db: [20, 10]}", "expected the lower SNR first"),
        ("augment={noise_snr_db: [20]}", "augment.noise_snr_db"),
        ("augment={gain_db: 3}", "augment.gain_db: unknown key"),
        ("precision=float16", "expected 'float32' or 'bfloat16'"),
        ("patience=0", "patience"),
    ],
)
def test_mistakes_in_the_options_are_named(override: str, message: str, world: World) -> None:
    with pytest.raises(UsageError, match=message):
        settings(world, override)


def test_one_correction_for_rare_emotions(world: World) -> None:
    with pytest.raises(UsageError, match="twice: choose one"):
        settings(world, "class_weights=balanced", "sampling=balanced")
