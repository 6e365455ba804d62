"""wav2vec 2.0, WavLM and HuBERT: the paper's sizes, offline checkpoints, training that can be interrupted, errors."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from staa_cli.commands.advice import advised
from staa_cli.corpora.manifest import read_manifest
from staa_cli.recipes import load_recipe
from staa_cli.runtime.checkpoints import Header, save_module
from staa_cli.runtime.errors import Interrupted, UsageError
from staa_cli.runtime.listener import SILENT
from staa_cli.victims import training
from staa_cli.victims.base import z_score
from staa_cli.victims.checkpoint import build_victim, load_victim, victim_header
from staa_cli.victims.pretrained import classes, from_config, plain_config
from staa_cli.victims.recipe import TrainVictimRecipe

from ..conftest import Staa, World
from .conftest import ENCODERS, fit_until_second_epoch, make_encoder

CPU = torch.device("cpu")
LABELS = list("abcdefg")


@pytest.mark.parametrize(("model", "parameters"), {"wav2vec2": 90_369_927, "wavlm": 90_380_151, "hubert": 90_369_927}.items())
def test_trainable_parameters_of_the_paper(model: str, parameters: int) -> None:
    """The base models of the papers have the default configurations; on the meta device they cost nothing."""
    with torch.device("meta"):
        network = from_config(model, {"num_labels": 7})
    assert sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad) == parameters
    assert network.min_samples == 400
    frozen = [name for name, parameter in network.named_parameters() if not parameter.requires_grad]
    assert frozen
    assert all(".feature_extractor.conv_layers." in name for name in frozen)


@pytest.mark.parametrize("model", ENCODERS)
def test_encoder_comes_from_the_folder_and_the_head_from_the_seed(encoders: dict[str, Path], model: str) -> None:
    state = torch.get_rng_state()
    first, again, other = (build_victim(model, LABELS, seed, pretrained=str(encoders[model])) for seed in (1, 1, 2))
    assert torch.equal(state, torch.get_rng_state())
    config_class, _ = classes(model)
    pretrained = __import__("transformers").AutoModel.from_pretrained(encoders[model])
    prefix = {"wav2vec2": "wav2vec2", "wavlm": "wavlm", "hubert": "hubert"}[model]
    weights = first.network.model.state_dict()  # type: ignore[union-attr, operator]
    assert all(torch.equal(weights[f"{prefix}.{name}"], tensor) for name, tensor in pretrained.state_dict().items())
    assert isinstance(first.network.model.config, config_class)  # type: ignore[union-attr]
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters(), strict=True))
    differing = {name for name, tensor in other.network.model.state_dict().items() if not torch.equal(tensor, weights[name])}  # type: ignore[union-attr, operator]
    assert {name.split(".")[0] for name in differing} == {"projector", "classifier"}


@pytest.mark.parametrize("model", ENCODERS)
@pytest.mark.parametrize("length", [1, 59, 60, 4_001])
def test_any_length_gives_finite_logits_and_gradients(encoders: dict[str, Path], model: str, length: int) -> None:
    victim = build_victim(model, LABELS, pretrained=str(encoders[model])).eval().requires_grad_(False)
    assert victim.min_samples == 60
    for waveforms in (torch.zeros(2, length), torch.rand(2, length, generator=torch.Generator().manual_seed(0))):
        x = waveforms.requires_grad_()
        logits = victim(x)
        assert logits.shape == (2, 7)
        assert logits.isfinite().all()
        (gradient,) = torch.autograd.grad(logits[:, 0].sum(), x)
        assert gradient.isfinite().all()


def test_our_z_score_is_the_feature_extractor_s() -> None:
    """wav2vec 2.0's own normalisation, up to its epsilon: no second one is needed."""
    from transformers import Wav2Vec2FeatureExtractor

    waveforms = torch.randn(2, 3_000, generator=torch.Generator().manual_seed(0)) / 20 + 0.1
    expected = Wav2Vec2FeatureExtractor()(list(waveforms.numpy()), sampling_rate=16_000, return_tensors="pt").input_values
    torch.testing.assert_close(z_score(waveforms), expected, rtol=1e-4, atol=1e-4)


# --- Training


def train(world: World, folder: Path, encoder: Path, model: str = "wav2vec2", epochs: int = 2) -> dict:
    recipe = folder.parent / "recipe.yaml"
    recipe.write_text(f"step: train-victim\nmodel: {model}\nepochs: {epochs}\nbatch_size: 8\nlearning_rate: 1e-3\n")
    folder.mkdir(exist_ok=True)
    loaded = load_recipe(str(recipe), TrainVictimRecipe, [f"pretrained={encoder}"])
    return training.train_victim(loaded, read_manifest(world.data), folder, CPU, SILENT)


@pytest.mark.parametrize("model", ENCODERS)
def test_checkpoint_needs_neither_encoder_nor_hub(encoders: dict[str, Path], model: str, world: World, tmp_path: Path) -> None:
    encoder = shutil.copytree(encoders[model], tmp_path / "encoder")
    summary = train(world, tmp_path / "out", encoder, model, epochs=1)
    shutil.rmtree(encoder)
    loaded = load_victim(tmp_path / "out", CPU)
    assert loaded.model == model
    assert loaded.labels == ["calm", "glad", "wild"]
    assert not loaded.victim.training
    assert not any(parameter.requires_grad for parameter in loaded.victim.parameters())
    total = sum(parameter.numel() for parameter in loaded.victim.parameters())
    assert summary["parameters"] == total > summary["trainable_parameters"]
    data = (tmp_path / "out" / "model.safetensors").read_bytes()
    assert str(tmp_path).encode() not in data[: 8 + int.from_bytes(data[:8], "little")], "a private path in a checkpoint"
    x = torch.randn(1, 4_000, generator=torch.Generator().manual_seed(0))
    assert torch.equal(loaded.victim(x), loaded.victim(x)), "masking or dropout outside of training"


def test_interruption_changes_nothing_although_dropout_and_masking_draw(
    encoders: dict[str, Path], world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    states = torch.get_rng_state(), np.random.get_state()[1].tolist()  # type: ignore[index, union-attr]
    with monkeypatch.context() as patch:
        patch.setattr(training, "fit", fit_until_second_epoch)
        with pytest.raises(Interrupted):
            train(world, tmp_path / "halting", encoders["wav2vec2"])
    np.random.rand(7)
    torch.rand(7)
    np.random.seed(None)
    train(world, tmp_path / "halting", encoders["wav2vec2"])
    torch.set_rng_state(states[0])
    before = np.random.get_state()[1].tolist()  # type: ignore[index, union-attr]
    train(world, tmp_path / "steady", encoders["wav2vec2"])
    assert torch.equal(states[0], torch.get_rng_state())
    assert before == np.random.get_state()[1].tolist()  # type: ignore[index, union-attr]
    assert (tmp_path / "halting" / "model.safetensors").read_bytes() == (tmp_path / "steady" / "model.safetensors").read_bytes()


def test_frozen_feature_encoder_stays(encoders: dict[str, Path], world: World, tmp_path: Path) -> None:
    train(world, tmp_path / "out", encoders["wavlm"], "wavlm", epochs=1)
    fresh = build_victim("wavlm", ["a", "b", "c"], pretrained=str(encoders["wavlm"])).state_dict()
    trained = load_victim(tmp_path / "out", CPU).victim.state_dict()
    moved = {name for name in fresh if not torch.equal(fresh[name], trained[name])}
    assert moved
    assert not any(".feature_extractor." in name for name in moved)


def test_command_line_says_nothing_of_transformers(staa: Staa, encoders: dict[str, Path], world: World, tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(f"step: train-victim\nmodel: hubert\nepochs: 1\npretrained: {encoders['hubert']}\n")
    outcome = staa("train-victim", recipe, "--data", world.data, "-o", tmp_path / "out", "--json")
    assert outcome.code == 0, outcome.err
    assert json.loads(outcome.out)["recipe"]["pretrained"] == str(encoders["hubert"])
    assert all(line.startswith(("out: epoch 1/1", "done:")) for line in outcome.err.splitlines()), outcome.err
    recipe.write_text(f"step: train-victim\nmodel: wavlm\nepochs: 1\npretrained: {encoders['hubert']}\n")
    outcome = staa("train-victim", recipe, "--data", world.data, "-o", tmp_path / "other")
    assert outcome.code == 2
    assert "holds a model of type 'hubert', expected 'wavlm'" in outcome.err


# --- Errors


def test_unreachable_hub_says_how_to_fetch(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def no_network(*arguments: object, **options: object) -> None:
        raise OSError("We couldn't connect to 'https://huggingface.co' to load the files")

    monkeypatch.setattr("transformers.WavLMConfig.get_config_dict", no_network)
    with pytest.raises(UsageError) as refusal:
        build_victim("wavlm", LABELS)
    for words in ("microsoft/wavlm-base", "hf download microsoft/wavlm-base --local-dir DIR", "--set pretrained=DIR"):
        assert words in advised(refusal.value)


def damaged(folder: Path, how: str) -> None:
    weights = folder / "model.safetensors"
    match how:
        case "truncated":
            weights.write_bytes(weights.read_bytes()[:-200])
        case "no weights":
            weights.unlink()
        case "pickle":
            weights.unlink()
            torch.save({}, folder / "pytorch_model.bin")
        case "no config":
            (folder / "config.json").unlink()
        case "config":
            (folder / "config.json").write_text("{")


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("truncated", "is no readable wav2vec2 model"),
        ("no weights", "is no readable wav2vec2 model"),
        ("pickle", "opening a pickle runs whatever code"),
        ("no config", "is no readable wav2vec2 model"),
        ("config", "is no readable wav2vec2 model"),
    ],
)
def test_damaged_encoders(encoders: dict[str, Path], tmp_path: Path, how: str, words: str) -> None:
    folder = Path(shutil.copytree(encoders["wav2vec2"], tmp_path / "encoder"))
    damaged(folder, how)
    with pytest.raises(UsageError, match=words):
        build_victim("wav2vec2", LABELS, pretrained=str(folder))


def test_encoder_that_lacks_layers(tmp_path: Path) -> None:
    """A configuration that promises more than the weights hold would leave layers random."""
    folder = make_encoder(tmp_path / "encoder", "wav2vec2")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "num_hidden_layers": 3}))
    with pytest.raises(UsageError, match=r"lack \d+ tensors of a wav2vec2 encoder"):
        build_victim("wav2vec2", LABELS, pretrained=str(folder))


def test_recipes_name_their_encoder(tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("step: train-victim\nmodel: wav2vec2\n")
    assert load_recipe(str(recipe), TrainVictimRecipe).pretrained == "facebook/wav2vec2-base"
    assert load_recipe(str(recipe), TrainVictimRecipe, ["pretrained=mine"]).pretrained == "mine"
    with pytest.raises(UsageError, match="'emo18' is trained from scratch"):
        load_recipe(str(recipe), TrainVictimRecipe, ["model=emo18", "pretrained=mine"])


def test_configuration_travels_as_json(encoders: dict[str, Path]) -> None:
    victim = build_victim("wavlm", LABELS, pretrained=str(encoders["wavlm"]))
    config = json.loads(json.dumps(plain_config(victim.network), allow_nan=False))  # type: ignore[arg-type]
    rebuilt = from_config("wavlm", config)
    assert {name: tensor.shape for name, tensor in rebuilt.state_dict().items()} == {
        name: tensor.shape for name, tensor in victim.network.state_dict().items()
    }


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"transformers": {"hidden_size": "wide"}}, "does not say how to build its model"),
        ({"transformers": {"hidden_size": 96}}, "does not fit the model that it names"),
        ({"labels": 7}, "does not say how to build its model"),
        ({"labels": ["a"]}, "at least 2 emotions"),
        ({"labels": list("abcde")}, "does not fit the model that it names"),
        ({"model": "wav2vec9"}, "unknown victim 'wav2vec9'"),
        ({"model": ["wavlm"]}, "unknown victim"),
    ],
    ids=str,
)
@pytest.mark.parametrize("kind", ["emo18", "wavlm"])
def test_tampered_headers(encoders: dict[str, Path], tmp_path: Path, kind: str, change: dict, words: str) -> None:
    if kind == "emo18" and "transformers" in change:
        return
    victim = build_victim(kind, LABELS, pretrained=str(encoders["wavlm"]) if kind == "wavlm" else None)
    header = victim_header(kind, victim)
    if kind == "wavlm" and change == {"labels": list("abcde")}:
        change = {**change, "transformers": {**header.config["transformers"], "id2label": dict(enumerate("abcde"))}}
    save_module(tmp_path / "model.safetensors", victim, Header("victim", {**header.config, **change}))
    with pytest.raises(UsageError, match=words):
        load_victim(tmp_path, CPU)


def test_another_encoder_in_the_same_folder_is_another_training(
    staa: Staa, encoders: dict[str, Path], world: World, tmp_path: Path
) -> None:
    encoder = Path(shutil.copytree(encoders["wavlm"], tmp_path / "encoder"))
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(f"step: train-victim\nmodel: wavlm\nepochs: 1\npretrained: {encoder}\n")
    command = ("train-victim", recipe, "--data", world.data, "-o", tmp_path / "out")
    assert staa(*command).code == 0
    assert "nothing to do" in staa(*command).err
    make_encoder(encoder, "wavlm", intermediate_size=20)
    outcome = staa(*command)
    assert outcome.code == 2
    assert "is finished, with another recipe, input, checkpoint" in outcome.err
