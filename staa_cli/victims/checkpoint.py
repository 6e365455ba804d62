"""Building, saving and loading victims."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from staa_cli.runtime.checkpoints import Header, fill, read_header
from staa_cli.runtime.errors import UsageError, unknown
from staa_cli.runtime.folders import MODEL
from staa_cli.runtime.provenance import hash_file
from staa_cli.runtime.seeds import derive_seed
from staa_cli.victims.base import Victim
from staa_cli.victims.emo18 import emo18
from staa_cli.victims.recurrent import ConvolutionalLSTM
from staa_cli.victims.zhao19 import zhao19

NETWORKS: dict[str, Callable[[int], ConvolutionalLSTM]] = {"emo18": emo18, "zhao19": zhao19}


def build_victim(model: str, labels: list[str], seed: int = 0) -> Victim:
    """A fresh victim on the CPU. Its initial weights depend on `seed` alone, and no global random state is touched.

    Raises:
        UsageError: no such model, or fewer than two labels.
    """
    if model not in NETWORKS:
        raise unknown("victim", model, NETWORKS)
    if len(labels) < 2:
        raise UsageError(f"a victim needs at least 2 emotions, found {len(labels)}: {', '.join(labels)}")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(seed, "victim", model))
        network = NETWORKS[model](len(labels))
    return Victim(network, labels, network.min_samples)


def victim_header(model: str, labels: list[str]) -> Header:
    return Header("victim", {"model": model, "labels": labels})


@dataclass(frozen=True)
class LoadedVictim:
    """A victim ready to be attacked: frozen, in evaluation mode, on its device."""

    victim: Victim
    model: str
    folder: Path
    sha256: str

    @property
    def labels(self) -> list[str]:
        return self.victim.labels


def load_victim(folder: Path, device: torch.device) -> LoadedVictim:
    """Load the checkpoint in `folder`.

    Raises:
        UsageError: no checkpoint there, a damaged one, or one of something else.
    """
    header, tensors = read_header(folder, "victim")
    victim = build_victim(header.config["model"], header.config["labels"])
    fill(victim, tensors, folder)
    victim.to(device).eval().requires_grad_(False)
    return LoadedVictim(victim, header.config["model"], folder, hash_file(folder / MODEL))
