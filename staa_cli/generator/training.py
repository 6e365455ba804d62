"""Training STAA-Net against threat models, and examining it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from staa_cli.corpora.manifest import Manifest
from staa_cli.generator.checkpoint import build_generator, copy_threat, generator_header, load_generator
from staa_cli.generator.epoch import GeneratorEpochs
from staa_cli.generator.pupils import Pupils
from staa_cli.generator.recipe import TrainGeneratorRecipe
from staa_cli.generator.staa_net import Request, STAANet
from staa_cli.metrics.margin import reached
from staa_cli.metrics.perturbation import sparsity_percent
from staa_cli.runtime.errors import UsageError
from staa_cli.runtime.listener import Listener, Step
from staa_cli.runtime.parallel import ALONE, World
from staa_cli.runtime.training import fit
from staa_cli.victims.checkpoint import LoadedVictim
from staa_cli.victims.training import predict

VAL = "val_"
"""How the history's keys of val begin."""


def fixed(recipe: TrainGeneratorRecipe, predictions: Tensor, rows: Tensor, classes: int) -> Request:
    """What an evaluation asks for: the recipe's defaults; the wanted classes in turn. `rows`: `(B,)` the utterances' numbers."""
    ones = torch.ones(len(predictions), device=predictions.device)
    snr = recipe.budget.peak_snr_db
    return Request(
        percent=None if recipe.sparsity is None else recipe.sparsity.default * ones,
        snr=None if recipe.trained_snr is None or snr is None else snr * ones,
        predictions=predictions,
        targets=None if recipe.target is None else (predictions + 1 + rows.to(predictions) % (classes - 1)) % classes,
    )


@torch.no_grad()
def evaluate(network: STAANet, threat: LoadedVictim, pupils: Pupils, device: torch.device, world: World = ALONE) -> dict[str, float]:
    """Success on the threat model and mean sparsity, in percent. Leaves the network in evaluation mode. Processes share the batches."""
    network.eval()
    found = torch.zeros(2, len(pupils.audio), dtype=torch.float64, device=device)
    for rows in torch.arange(len(pupils.audio)).split(16)[world.rank :: world.size]:
        waveforms, predictions = pupils.audio.batch(rows, device)[0], pupils.clean[rows].to(device)
        asked = fixed(network.recipe, predictions, rows, network.classes)
        perturbed = network(waveforms, pupils.guided(network, rows, waveforms, asked))
        wanted = predictions if asked.targets is None else asked.targets
        success = reached(threat(perturbed.adversarial), wanted, asked.targets is not None)
        found[:, rows] = torch.stack((success.double(), sparsity_percent(perturbed.adversarial - waveforms)))
    success, density = world.sum(found)
    return {"asr_percent": 100 * float(success.mean()), "sparsity_percent": float(density.mean())}


def train_generator(
    recipe: TrainGeneratorRecipe,
    manifest: Manifest,
    threats: Sequence[LoadedVictim],
    folder: Path,
    device: torch.device,
    listener: Listener,
    world: World = ALONE,
) -> dict[str, Any]:
    """Train a generator into `folder`.

    Args:
        threats: the threat models; the first one guides, and is the one that the success rates are of.
        world: the processes that train it together; the leader alone writes into `folder`, which all of them can read.

    Returns:
        The summary for `metrics.json`.

    Raises:
        UsageError: no training utterances, or a threat model does not know the corpus's emotions or the others' labels.
    """
    first, labels = threats[0], threats[0].labels
    for other in threats[1:]:
        if other.labels != labels:
            raise UsageError(f"the threat models {first.model} and {other.model} must have the same labels: {labels} and {other.labels}")
    if recipe.reference == "label" and manifest.labels != labels:
        raise UsageError(
            f"'reference: label' needs a threat model trained on this corpus: it knows {labels}, the corpus has {manifest.labels}"
        )
    rows = manifest.split(*recipe.train_on.split("+"))
    if not rows:
        raise UsageError(f"{manifest.folder} has no utterance in split '{recipe.train_on}'")
    train, val = (Pupils.of(recipe, first, manifest, part, device, world) for part in (rows, manifest.split("val")))
    clean = [train.clean, *(predict(threat.victim, train.audio, device, world=world) for threat in threats[1:])]
    if world.leader:
        copy_threat(first, folder)
    network = build_generator(recipe, len(labels)).to(device)
    optimizer = torch.optim.Adam(network.parameters(), lr=recipe.learning_rate)
    epochs = GeneratorEpochs(network, optimizer, threats, train, clean, [row.file for row in rows], device, world)

    def run_epoch(epoch: int, step: Step) -> dict[str, Any]:
        record = epochs.run(epoch, step.advance)
        if len(val.audio):
            record |= {f"{VAL}{name}": value for name, value in evaluate(network, first, val, device, world).items()}
        return record

    # The last epoch is kept, as in the paper: nothing is chosen, on whatever split.
    header = generator_header(recipe, threats)
    state = fit(folder, network, header, optimizer, recipe.epochs, run_epoch, listener, steps=epochs.steps, world=world)
    last = state.history[-1]
    world.agree(None)  # the leader has saved it
    network = load_generator(folder, device, first).network
    return {
        "size": recipe.size,
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "threat_model": first.model,
        **({"threat_models": [threat.model for threat in threats]} if len(threats) > 1 else {}),
        "utterances": len(rows),
        "epochs": recipe.epochs,
        "best_epoch": state.best_epoch,
        "train": evaluate(network, first, train, device, world),
        # Looked at after the last epoch already.
        **({"val": {name.removeprefix(VAL): value for name, value in last.items() if name.startswith(VAL)}} if len(val.audio) else {}),
    }
