"""Building, saving and loading generators. A generator's folder carries its threat model along."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError

from staa_cli.generator.folder import THREAT, read_recipe
from staa_cli.generator.recipe import TrainGeneratorRecipe
from staa_cli.generator.staa_net import STAANet
from staa_cli.runtime.checkpoints import Header, fill, read_header
from staa_cli.runtime.errors import UsageError
from staa_cli.runtime.folders import MODEL
from staa_cli.runtime.provenance import hash_file
from staa_cli.runtime.run import RECIPE
from staa_cli.runtime.seeds import derive_seed
from staa_cli.victims.checkpoint import LoadedVictim, load_victim


def build_generator(recipe: TrainGeneratorRecipe, classes: int) -> STAANet:
    """A fresh generator on the CPU. Its initial weights depend on the recipe's seed alone.

    Args:
        classes: the number of the threat model's emotions.
    """
    with torch.random.fork_rng(devices=[]):
        # Not `torch.manual_seed`, which seeds every CUDA device too.
        torch.default_generator.manual_seed(derive_seed(recipe.seed, "generator", recipe.size))
        return STAANet(recipe, classes)


def generator_header(recipe: TrainGeneratorRecipe, threats: Sequence[LoadedVictim]) -> Header:
    config: dict[str, Any] = {"recipe": recipe.model_dump(), "labels": threats[0].labels, "threats": [threat.model for threat in threats]}
    return Header("generator", config)


def copy_threat(threat: LoadedVictim, folder: Path) -> None:
    threat.reference.copy_to(folder / THREAT)


@dataclass(frozen=True)
class LoadedGenerator:
    """A generator ready to attack: frozen, in evaluation mode, on its device.

    Attributes:
        threat: the threat model, of several the first: the one that guides.
        threats: the models' names of all of them.
    """

    network: STAANet
    threat: LoadedVictim
    threats: list[str]
    recipe: TrainGeneratorRecipe
    sha256: str


def load_generator(folder: Path, device: torch.device | str = "cpu", threat: LoadedVictim | None = None) -> LoadedGenerator:
    """Load the checkpoint in `folder` and the threat model inside it.

    Args:
        threat: the threat model, where it has been loaded before.

    Raises:
        UsageError: no checkpoint there, a damaged one, or one of something else.
    """
    header, tensors = read_header(folder, "generator")
    try:
        recipe = TrainGeneratorRecipe.model_validate(header.config["recipe"])
    except ValidationError as error:
        keys = f"{error.error_count()} key(s) of its recipe"
        raise UsageError(f"{folder / MODEL} was trained by another version of staa ({keys} differ); train it again") from None
    if (folder / RECIPE).is_file() and read_recipe(folder)[1] != recipe:
        raise UsageError(f"{folder / RECIPE} is not the recipe that the weights beside it were trained with; copy the whole folder again")
    network = build_generator(recipe, len(header.config["labels"]))
    fill(network, tensors, folder)
    network.to(device).eval().requires_grad_(False)
    first = threat or load_victim(folder / THREAT, device)
    return LoadedGenerator(network, first, header.config["threats"], recipe, hash_file(folder / MODEL))
