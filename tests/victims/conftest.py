"""Tiny models of every kind that a victim may be, made by transformers, torch.export and onnx themselves: nothing is fetched."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from staa_cli.runtime.training import fit

TINY: dict[str, Any] = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "conv_dim": [8, 8, 8],
    "conv_kernel": [10, 3, 3],
    "conv_stride": [5, 4, 4],
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 2,
    "num_feat_extract_layers": 3,
    "classifier_proj_size": 256,
    "mask_time_length": 2,
}
ENCODERS = ("wav2vec2", "wavlm", "hubert")


def make_encoder(folder: Path, kind: str, **options: Any) -> Path:
    """A pretrained encoder without a head, as `hf download` leaves it."""
    from transformers import HubertConfig, HubertModel, Wav2Vec2Config, Wav2Vec2Model, WavLMConfig, WavLMModel

    config, model = {
        "wav2vec2": (Wav2Vec2Config, Wav2Vec2Model),
        "wavlm": (WavLMConfig, WavLMModel),
        "hubert": (HubertConfig, HubertModel),
    }[kind]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model(config(**{**TINY, **options})).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def encoders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One tiny encoder of each kind; tests must not change them."""
    root = tmp_path_factory.mktemp("encoders")
    return {kind: make_encoder(root / kind, kind) for kind in ENCODERS}


class Tiny(nn.Module):
    """A victim of someone else: one convolution, the mean over time, a linear layer."""

    def __init__(self, classes: int = 3) -> None:
        super().__init__()
        self.convolution = nn.Conv1d(1, 6, 40, stride=20)
        self.norm = nn.BatchNorm1d(6)
        self.classifier = nn.Linear(6, classes)

    def forward(self, waveforms: Tensor) -> Tensor:
        frames: Tensor = self.norm(self.convolution(10 * waveforms.unsqueeze(1))).square()
        return self.classifier(frames.mean(dim=2))


def tiny(classes: int = 3) -> Tiny:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return Tiny(classes).eval()


def shapes(samples: int | None) -> Any:
    return ({0: torch.export.Dim("batch", max=64)} | ({} if samples else {1: torch.export.Dim("time", min=100, max=10**7)}),)


def export(path: Path, model: nn.Module, labels: list[str] | None, *, samples: int | None = None, batch: int | None = None) -> Path:
    """Write a `.pt2` or `.onnx` file and its labels; sizes that are given are fixed."""
    example = (torch.zeros(batch or 2, samples or 400),)
    dynamic = None if batch and samples else shapes(samples)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if path.suffix == ".pt2":
            torch.export.save(torch.export.export(model, example, dynamic_shapes=dynamic), path)
        else:
            torch.onnx.export(model, example, path, dynamic_shapes=dynamic, verbose=False, input_names=["waveforms"])
    if labels is not None:
        path.with_suffix(".labels.yaml").write_text("".join(f"- {label}\n" for label in labels))
    return path


def make_classifier(folder: Path, labels: list[str], *, normalise: bool | None = True, **options: Any) -> Path:
    """An audio classifier of transformers as people publish it."""
    from transformers import Wav2Vec2Config, Wav2Vec2FeatureExtractor, Wav2Vec2ForSequenceClassification

    names = dict(enumerate(labels))
    config = Wav2Vec2Config(**{**TINY, "id2label": names, "label2id": {label: index for index, label in names.items()}, **options})
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        Wav2Vec2ForSequenceClassification(config).save_pretrained(folder)
    if normalise is not None:
        Wav2Vec2FeatureExtractor(do_normalize=normalise).save_pretrained(folder)
    return folder


PLUGIN = """
from torch import nn
class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(__import__("torch").tensor([[1.0, -1.0, 0.5]]))
    def forward(self, waveforms):
        return waveforms.abs().mean(dim=1, keepdim=True) @ self.weight
def build():
    model = Model()
    model.labels = ["calm", "glad", "wild"]
    return model
def unlabelled():
    return Model()
def number():
    return 3
def broken():
    raise RuntimeError("no weights here")
"""


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installed package that registers victims."""
    site = tmp_path / "site"
    info = site / "foreign_ser-1.0.dist-info"
    info.mkdir(parents=True)
    (site / "foreign_ser.py").write_text(PLUGIN)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: foreign-ser\nVersion: 1.0\n")
    points = {"foreign": "build", "unlabelled": "unlabelled", "number": "number", "broken": "broken"}
    (info / "entry_points.txt").write_text("[staa.victims]\n" + "".join(f"{name} = foreign_ser:{what}\n" for name, what in points.items()))
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.delitem(sys.modules, "foreign_ser", raising=False)
    return info


def fit_until_second_epoch(*arguments: object, **options: object) -> object:
    """`fit`, interrupted at the start of its second epoch."""
    run_epoch = arguments[5]

    def until_second(epoch: int, state: object) -> object:
        if epoch == 1:
            raise KeyboardInterrupt
        return run_epoch(epoch, state)  # type: ignore[operator]

    return fit(*arguments[:5], until_second, *arguments[6:], **options)  # type: ignore[arg-type]
