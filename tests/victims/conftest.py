"""Tiny models of every kind that a victim may be, made by transformers, torch.export and onnx themselves: nothing is fetched."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

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
