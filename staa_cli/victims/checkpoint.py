"""Building, saving and loading victims."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import nn

from staa_cli.runtime.checkpoints import Header, fill, read_header
from staa_cli.runtime.errors import StaaError, UsageError, unknown
from staa_cli.runtime.folders import MODEL
from staa_cli.runtime.seeds import derive_seed
from staa_cli.victims.base import SpectrogramVictim, Victim, relabel
from staa_cli.victims.cnn_lstm import CNNLSTM
from staa_cli.victims.emo18 import emo18
from staa_cli.victims.recipe import PRETRAINED
from staa_cli.victims.recurrent import ConvolutionalLSTM
from staa_cli.victims.references import Reference, resolve
from staa_cli.victims.zhao19 import zhao19

if TYPE_CHECKING:
    from staa_cli.victims.pretrained import SelfSupervised

NETWORKS: dict[str, Callable[[int], ConvolutionalLSTM | CNNLSTM]] = {"emo18": emo18, "zhao19": zhao19, "cnn-lstm": CNNLSTM}
"""Victims that are trained from scratch, by the number of their classes."""

MODELS = (*NETWORKS, *PRETRAINED)


def build_victim(
    model: str,
    labels: list[str],
    seed: int = 0,
    *,
    pretrained: str | None = None,
    config: Mapping[str, Any] | None = None,
) -> Victim:
    """A fresh victim on the CPU. Its initial weights depend on `seed` alone, and no global random state is touched.

    Args:
        pretrained: where the encoder of a victim that is fine-tuned comes from: a hub id or a local folder.
        config: the architecture of such a victim, as its checkpoint's header has it: nothing is fetched then.

    Raises:
        UsageError: no such model, fewer than two labels, or the encoder cannot be had.
    """
    if model not in MODELS:
        raise unknown("victim", model, MODELS)
    if len(labels) < 2:
        raise UsageError(f"a victim needs at least 2 emotions, found {len(labels)}: {', '.join(labels)}")
    with torch.random.fork_rng(devices=[]):
        # Not `torch.manual_seed`, which seeds every CUDA device too.
        torch.default_generator.manual_seed(derive_seed(seed, "victim", model))
        if model in PRETRAINED:
            from staa_cli.victims.pretrained import from_config, from_pretrained

            encoder = from_config(model, dict(config)) if config else from_pretrained(model, labels, pretrained or PRETRAINED[model])
            return Victim(encoder, labels, encoder.min_samples)
        network = NETWORKS[model](len(labels))
    kind = SpectrogramVictim if isinstance(network, CNNLSTM) else Victim
    return kind(network, labels, network.min_samples)


def victim_header(model: str, victim: Victim) -> Header:
    """All that is needed to build `victim` again, without the hub."""
    config: dict[str, Any] = {"model": model, "labels": victim.labels}
    if model in PRETRAINED:
        from staa_cli.victims.pretrained import plain_config

        config["transformers"] = plain_config(cast("SelfSupervised", victim.network))
    return Header("victim", config)


def load_checkpoint(folder: Path) -> tuple[Victim, str]:
    """A victim that `staa train-victim` made, and its model's name."""
    header, tensors = read_header(folder, "victim")
    try:
        model, labels = header.config["model"], header.config["labels"]
        victim = build_victim(model, labels, config=header.config.get("transformers"))
    except StaaError:
        raise
    except Exception as error:  # transformers' configurations raise whatever their checks raise
        reason = " ".join(str(error).split())[:160]
        raise UsageError(
            f"{folder / MODEL} does not say how to build its model ({type(error).__name__}: {reason}); train it again or copy it again"
        ) from None
    fill(victim, tensors, folder)
    return victim, model


@dataclass(frozen=True)
class LoadedVictim:
    """A victim ready to be attacked: frozen, in evaluation mode, on its device.

    Attributes:
        model: its name in tables.
    """

    victim: Victim
    model: str
    reference: Reference

    @property
    def labels(self) -> list[str]:
        return self.victim.labels

    @property
    def sha256(self) -> str:
        return self.reference.sha256

    def __call__(self, waveforms: torch.Tensor) -> torch.Tensor:
        """`(B, T)` → logits `(B, K)`"""
        logits: torch.Tensor = self.victim(waveforms)
        return logits

    def words(self, classes: torch.Tensor) -> list[str]:
        """`(B,)` classes as labels."""
        return [self.labels[index] for index in classes.tolist()]


def load_victim(victim: str | Path | Reference, device: torch.device | str = "cpu") -> LoadedVictim:
    """Load whatever a VICTIM argument may be (see `staa_cli.victims.references`).

    Raises:
        UsageError: no victim there, a damaged one, or one of a form that is not accepted.
    """
    reference, device = victim if isinstance(victim, Reference) else resolve(victim), torch.device(device)
    name = reference.name or ""
    match reference.kind:
        case "staa":
            loaded, name = load_checkpoint(reference.path)
        case "transformers":
            from staa_cli.victims.transformers_folder import load_transformers

            loaded = load_transformers(reference)
        case "torch.export":
            from staa_cli.victims.exported import load_exported

            loaded = load_exported(reference, device)
        case "onnx":
            from staa_cli.victims.exported import load_onnx

            loaded = load_onnx(reference)
        case "hf":
            raise UsageError(f"{reference.absent}; what it answers cannot be asked")
        case _:
            from staa_cli.victims.plugins import load_plugin

            loaded = load_plugin(reference)
    loaded = relabel(loaded, reference.label_map)
    loaded.to(device).eval().requires_grad_(False)
    for module in loaded.modules():
        # cuDNN refuses their backward pass in evaluation mode, in which those without dropout compute the same.
        if isinstance(module, nn.RNNBase) and not module.dropout:
            module.train()
        if isinstance(module, ConvolutionalLSTM):
            module.fuse()
    return LoadedVictim(loaded, name, reference)
