"""Training and evaluating victims on a prepared corpus."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from staa_cli.corpora.manifest import Manifest, Row
from staa_cli.corpora.tensors import LabelledAudio, load_audio
from staa_cli.metrics.classification import accuracy_percent, confusion_counts, uar_percent
from staa_cli.runtime.device import check_precision, deterministic
from staa_cli.runtime.errors import UsageError
from staa_cli.runtime.interrupts import breathe
from staa_cli.runtime.listener import Listener, Step
from staa_cli.runtime.parallel import ALONE, World
from staa_cli.runtime.seeds import reproducible
from staa_cli.runtime.training import fit
from staa_cli.victims.base import Victim
from staa_cli.victims.checkpoint import build_victim, load_victim, victim_header
from staa_cli.victims.epoch import Epochs
from staa_cli.victims.recipe import TrainVictimRecipe

GROUPS = ("language", "gender")
"""Columns of the manifest by which victims are judged group by group."""


@torch.no_grad()
def predict(victim: Victim, audio: LabelledAudio, device: torch.device, batch_size: int = 16, world: World = ALONE) -> Tensor:
    """Predicted class of every utterance, `(N,)` int64 on the CPU. Leaves the victim in evaluation mode. Processes share the batches."""
    victim.eval()
    found = torch.zeros(len(audio), dtype=torch.int64, device=device)
    for indices in torch.arange(len(audio)).split(batch_size)[world.rank :: world.size]:
        breathe()
        if len(indices):
            found[int(indices[0]) : int(indices[-1]) + 1] = victim(audio.batch(indices, device)[0]).argmax(dim=1)
    return world.sum(found).cpu()


def score(targets: Tensor, predictions: Tensor) -> dict[str, Any]:
    return {
        "utterances": len(targets),
        "accuracy_percent": accuracy_percent(targets, predictions),
        "uar_percent": uar_percent(targets, predictions),
    }


def evaluate(victim: Victim, audio: LabelledAudio, device: torch.device, world: World = ALONE) -> dict[str, Any]:
    return score(audio.targets, predict(victim, audio, device, world=world))


def judge(victim: Victim, audio: LabelledAudio, rows: Sequence[Row], device: torch.device) -> dict[str, Any]:
    """The scores of `evaluate`, the confusion matrix in the order of the victim's labels, and the scores by language and gender.

    Args:
        rows: the manifest's rows of `audio`. Those of unknown language or gender are in none of its groups.
    """
    predictions = predict(victim, audio, device)
    found = {**score(audio.targets, predictions), "confusion": confusion_counts(audio.targets, predictions, len(victim.labels))}
    for column in GROUPS:
        names = [getattr(row, column) for row in rows]
        groups = {name: torch.tensor([other == name for other in names]) for name in sorted({*names} - {""})}
        found[f"by_{column}"] = {name: score(audio.targets[members], predictions[members]) for name, members in groups.items()}
    return found


def train_victim(
    recipe: TrainVictimRecipe, manifest: Manifest, folder: Path, device: torch.device, listener: Listener, world: World = ALONE
) -> dict[str, Any]:
    """Train a victim by cross-entropy with Adam into `folder`; the recipe's defaults are section 4.3 of the STAA-Net paper.

    Args:
        world: the processes that train it together; the leader alone writes into `folder`, which all of them can read.

    Returns:
        The summary for `metrics.json` (empty but in the leader): accuracy and UAR on val and test, of the best epoch, with the confusion
        matrix and the scores by language and gender, and of the last epoch.

    Raises:
        UsageError: the corpus has no training utterances, or nothing that `patience` could watch; or the device lacks the precision.
    """
    check_precision(recipe.precision, device)
    trained = recipe.train_on.split("+")
    rows = {"train": manifest.split(*trained), "val": [] if "val" in trained else manifest.split("val"), "test": manifest.split("test")}
    data = {part: load_audio(manifest, members) for part, members in rows.items()}
    if len(data["train"]) < 2:
        raise UsageError(f"{manifest.folder} has {len(data['train'])} utterances in split 'train', expected at least 2")
    if not len(data["val"]):
        if recipe.patience is not None:
            raise UsageError(f"'patience' watches the split 'val', and {manifest.folder} has no utterance in it", "no-patience")
        reason = "is trained on" if "val" in trained else "has no utterance"
        listener.warning(f"the split 'val' {reason}: the last epoch is kept as the best")
    with deterministic(recipe.deterministic):
        return train_and_judge(recipe, manifest, rows, data, folder, device, listener, world)


def train_and_judge(
    recipe: TrainVictimRecipe,
    manifest: Manifest,
    rows: dict[str, list[Row]],
    data: dict[str, LabelledAudio],
    folder: Path,
    device: torch.device,
    listener: Listener,
    world: World,
) -> dict[str, Any]:
    victim = build_victim(recipe.model, manifest.labels, recipe.seed, pretrained=recipe.pretrained).to(device)
    optimizer = torch.optim.Adam(victim.parameters(), lr=recipe.learning_rate)
    epochs = Epochs(victim, optimizer, data["train"], [row.file for row in rows["train"]], recipe, device, world)

    def run_epoch(epoch: int, step: Step) -> dict[str, Any]:
        record: dict[str, Any] = {"loss": epochs.run(epoch, step.advance)}
        if len(data["val"]):
            scores = evaluate(victim, data["val"], device, world)
            record |= {"val_accuracy_percent": scores["accuracy_percent"], "val_uar_percent": scores["uar_percent"]}
        return record

    header = victim_header(recipe.model, victim)
    selected = f"val_{recipe.select}_percent" if len(data["val"]) else None
    train = reproducible(run_epoch, recipe.seed, device)
    state = fit(
        folder,
        victim,
        header,
        optimizer,
        recipe.epochs,
        train,
        listener,
        steps=len(epochs.steps(0)),
        score=selected,
        patience=recipe.patience,
        world=world,
    )
    if not world.leader:
        return {}
    last = {split: evaluate(victim, data[split], device) for split in ("val", "test") if len(data[split])}
    best = load_victim(folder, device).victim
    summary = {split: judge(best, data[split], rows[split], device) for split in ("val", "test") if len(data[split])}
    return {
        "model": recipe.model,
        "labels": manifest.labels,
        "parameters": sum(parameter.numel() for parameter in victim.parameters()),
        "trainable_parameters": sum(parameter.numel() for parameter in victim.parameters() if parameter.requires_grad),
        "utterances": len(data["train"]),
        "epochs": state.epoch,
        "best_epoch": state.best_epoch,
        **summary,
        "last": last,
    }
