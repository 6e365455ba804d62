"""Audio classifiers of transformers as they are: their own labels, their own normalisation."""

from __future__ import annotations

import json
from typing import Any

import torch
from torch import Tensor

from staa_cli.audio.files import SAMPLE_RATE
from staa_cli.runtime.errors import UsageError
from staa_cli.victims.base import Victim
from staa_cli.victims.pretrained import SelfSupervised, first_line, quiet_transformers
from staa_cli.victims.references import Reference

WAVEFORM_MODELS = frozenset(
    {"wav2vec2", "wavlm", "hubert", "unispeech", "unispeech-sat", "sew", "sew-d", "data2vec-audio", "wav2vec2-conformer"}
)
"""Those that take the waveform. The others take spectrograms that NumPy makes: nothing would be differentiable."""


def feature_extractor_z_score(waveforms: Tensor) -> Tensor:
    """`Wav2Vec2FeatureExtractor.zero_mean_unit_var_norm` in torch, per utterance: its epsilon lies under the root. `(B, T)` → `(B, T)`"""
    mean = waveforms.mean(dim=1, keepdim=True)
    variance = waveforms.var(dim=1, keepdim=True, correction=0)
    return (waveforms - mean) / torch.sqrt(variance + 1e-7)


def load_transformers(reference: Reference) -> Victim:
    """
    Raises:
        UsageError: damaged files, a model that does not take waveforms at 16 kHz, or one whose weights lack its head.
    """
    from transformers import AutoModelForAudioClassification

    folder = reference.path
    kind = read_json(reference, "config.json").get("model_type")
    if kind not in WAVEFORM_MODELS:
        raise UsageError(
            f"{folder} holds a model of type '{kind}', expected one that takes the waveform: {', '.join(sorted(WAVEFORM_MODELS))}. "
            "Any other can be a plugin (plugin:NAME) that computes its features itself"
        )
    extractor = read_json(reference, "preprocessor_config.json", optional=True)
    rate = extractor.get("sampling_rate", SAMPLE_RATE)
    if rate != SAMPLE_RATE:
        raise UsageError(f"{folder} takes audio at {rate} Hz, expected {SAMPLE_RATE} Hz")
    with quiet_transformers():
        try:
            model, info = AutoModelForAudioClassification.from_pretrained(
                folder,
                dtype=torch.float32,
                use_safetensors=True,
                local_files_only=True,
                ignore_mismatched_sizes=True,
                output_loading_info=True,
            )
        except Exception as error:  # whatever its parsers and its checks raise
            raise UsageError(f"{folder} is damaged or no audio classifier of transformers: {first_line(error)}; fetch it again") from None
    check_complete(reference, info)
    names = model.config.id2label
    labels = [str(names[index]) for index in range(len(names))]
    network = SelfSupervised(model)
    # The class of the feature extractor normalises unless its configuration says no.
    normalise = feature_extractor_z_score if extractor.get("do_normalize", True) else None
    victim = Victim(network, labels, network.min_samples, normalise)
    if not extractor:
        victim.assumptions.append("has no preprocessor_config.json: its input is z-scored, as most models of its kind were trained")
    return victim


def check_complete(reference: Reference, info: dict[str, Any]) -> None:
    """transformers draws missing weights at random and goes on: the answers would be noise."""
    absent = sorted(str(name) for name in info["missing_keys"] if not str(name).endswith("masked_spec_embed"))
    misshapen = sorted(str(entry[0] if isinstance(entry, tuple) else entry) for entry in info["mismatched_keys"])
    if absent or misshapen:
        what = f"lack {', '.join(absent[:3])}" if absent else f"have another shape of {', '.join(misshapen[:3])}"
        raise UsageError(
            f"the weights in {reference.path} {what}: its config.json names another architecture than they were trained in, and "
            "what is missing would be random. Give a complete audio classifier, or a plugin (plugin:NAME) that builds its own"
        )


def read_json(reference: Reference, name: str, *, optional: bool = False) -> dict[str, Any]:
    path = reference.path / name
    if optional and not path.is_file():
        return {}
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} cannot be read: {error}; fetch the model again") from None
    if not isinstance(content, dict):
        raise UsageError(f"{path} holds a {type(content).__name__}, expected keys and values; fetch the model again")
    return content
