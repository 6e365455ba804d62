"""wav2vec 2.0, WavLM and HuBERT, fine-tuned for emotions (section 4.3 of the STAA-Net paper).

The network is transformers' own sequence-classification model: the pretrained encoder, a linear projection to 256, the mean over time,
a linear layer. With the feature encoder frozen, wav2vec 2.0 base has 90,369,927 trainable parameters at 7 classes and WavLM base
90,380,151: the paper's 90.37 M and 90.38 M.

No attention mask is passed: utterances of one batch have one length, and padding would change the logits of group-norm (base) models.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from staa_cli.runtime.errors import UsageError
from staa_cli.victims.hub import quiet_hub
from staa_cli.victims.pickles import refuse_pickled_weights
from staa_cli.victims.recipe import PRETRAINED

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """Keep transformers' progress bars and log lines off the terminal, and leave its settings as they were."""
    from transformers.utils import logging

    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity(logging.CRITICAL)
    logging.disable_progress_bar()
    try:
        with quiet_hub():
            yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()


def receptive_field(config: PretrainedConfig) -> int:
    """Samples that one frame of the convolutional feature encoder sees: 400 for the base models."""
    samples = 1
    for kernel, stride in zip(reversed(config.conv_kernel), reversed(config.conv_stride), strict=True):
        samples = (samples - 1) * stride + kernel
    return int(samples)


class SelfSupervised(nn.Module):
    """One of transformers' audio classifiers as a plain network.

    Shape:
        `(B, T)` → `(B, K)`; T ≥ `min_samples`.
    """

    def __init__(self, model: PreTrainedModel) -> None:
        super().__init__()
        self.model = model
        self.min_samples = receptive_field(model.config)
        if hasattr(model, "freeze_feature_encoder"):
            model.freeze_feature_encoder()

    def forward(self, waveforms: Tensor) -> Tensor:
        logits: Tensor = self.model(input_values=waveforms).logits
        return logits


def plain_config(network: SelfSupervised) -> dict[str, Any]:
    """The configuration as JSON values, without the paths of the machine that trained it."""
    config: dict[str, Any] = network.model.config.to_diff_dict()
    return {key: value for key, value in config.items() if key not in ("_name_or_path", "transformers_version", "architectures")}


def classes(model: str) -> tuple[type[PretrainedConfig], type[PreTrainedModel]]:
    import transformers

    name = {"wav2vec2": "Wav2Vec2", "wavlm": "WavLM", "hubert": "Hubert"}[model]
    return getattr(transformers, f"{name}Config"), getattr(transformers, f"{name}ForSequenceClassification")


def from_config(model: str, config: dict[str, Any]) -> SelfSupervised:
    """The architecture of a checkpoint that staa wrote; its weights are still random."""
    config_class, model_class = classes(model)
    with quiet_transformers():
        return SelfSupervised(model_class(config_class.from_dict(config)).float())


def from_pretrained(model: str, labels: list[str], source: str) -> SelfSupervised:
    """The pretrained encoder with a fresh head (drawn from torch's global random state: fork it).

    Args:
        source: a hub id or a local folder.

    Raises:
        UsageError: no such model, one of another kind, one stored as a pickle only, or the hub is not reachable.
    """
    config_class, model_class = classes(model)
    folder = Path(source)
    if folder.is_dir():
        refuse_pickled_weights(folder)
    with quiet_transformers():
        found, _ = read(config_class.get_config_dict, source, model)
        if not found:  # what transformers makes of a folder without a configuration
            raise UsageError(f"{source} is no readable {model} model: it holds no config.json", "fetch", name=PRETRAINED[model])
        if found.get("model_type") != model:
            raise UsageError(
                f"{source} holds a model of type '{found.get('model_type')}', expected '{model}': change 'model'",
                "pretrained",
                example=PRETRAINED[model],
            )
        names = dict(enumerate(labels))
        config = config_class.from_dict(
            {
                **found,
                "id2label": names,
                "label2id": {label: index for index, label in names.items()},
                "num_labels": len(labels),
                "classifier_proj_size": 256,
                "problem_type": "single_label_classification",
            }
        )
        loaded, info = read(
            model_class.from_pretrained,
            source,
            model,
            config=config,
            dtype=torch.float32,
            use_safetensors=True,
            ignore_mismatched_sizes=True,
            output_loading_info=True,
        )
    missing = sorted(str(name) for name in info["missing_keys"] if not str(name).startswith(("projector.", "classifier.")))
    # Masking is a training device whose vector some published encoders leave out; it is drawn anew like the head.
    missing = [name for name in missing if not name.endswith("masked_spec_embed")]
    if missing:
        raise UsageError(f"the weights of {source} lack {len(missing)} tensors of a {model} encoder, for example {missing[0]}")
    return SelfSupervised(loaded)


def read(function: Any, source: str, model: str, **options: Any) -> Any:
    """Call one of transformers' loaders; what it cannot find or reach becomes one sentence that says what to do."""
    try:
        return function(source, **options)
    except Exception as error:  # whatever its parsers, its checks and the hub raise
        if Path(source).is_dir():
            raise UsageError(f"{source} is no readable {model} model: {first_line(error)}", "fetch", name=PRETRAINED[model]) from None
        raise UsageError(
            f"the pretrained model '{source}' is no folder here and could not be had from the Hugging Face hub ({first_line(error)})",
            "fetch",
            name=source,
        ) from None


def first_line(error: Exception) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__).rstrip(".")
