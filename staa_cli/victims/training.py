"""Training and evaluating victims on a prepared corpus."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from staa_cli.corpora.manifest import Manifest
from staa_cli.corpora.tensors import LabelledAudio, load_audio
from staa_cli.metrics.classification import accuracy_percent, uar_percent
from staa_cli.recipes.schema import TrainVictimRecipe
from staa_cli.runtime.checkpoints import TrainingState
from staa_cli.runtime.errors import UsageError
from staa_cli.runtime.output import Output
from staa_cli.runtime.seeds import generator, reproducible
from staa_cli.runtime.training import fit
from staa_cli.victims.base import Victim
from staa_cli.victims.checkpoint import build_victim, load_victim, victim_header


@torch.no_grad()
def predict(victim: Victim, audio: LabelledAudio, device: torch.device, batch_size: int = 16) -> Tensor:
    """Predicted class of every utterance, `(N,)` int64 on the CPU. Leaves the victim in evaluation mode."""
    victim.eval()
    chunks = [victim(audio.batch(indices, device)[0]).argmax(dim=1) for indices in torch.arange(len(audio)).split(batch_size)]
    return torch.cat(chunks).cpu() if chunks else torch.empty(0, dtype=torch.int64)


def evaluate(victim: Victim, audio: LabelledAudio, device: torch.device) -> dict[str, Any]:
    predictions = predict(victim, audio, device)
    return {
        "utterances": len(audio),
        "accuracy_percent": accuracy_percent(audio.targets, predictions),
        "uar_percent": uar_percent(audio.targets, predictions),
    }


def train_victim(recipe: TrainVictimRecipe, manifest: Manifest, folder: Path, device: torch.device, output: Output) -> dict[str, Any]:
    """Train a victim by cross-entropy with Adam (section 4.3 of the STAA-Net paper) into `folder`.

    Returns:
        The summary for `metrics.json`: accuracy and UAR on val and test, of the best and of the last epoch.

    Raises:
        UsageError: the corpus has no training utterances.
    """
    data = {split: load_audio(manifest, manifest.split(split)) for split in ("train", "val", "test")}
    if len(data["train"]) < 2:
        raise UsageError(f"{manifest.folder} has {len(data['train'])} utterances in split 'train', expected at least 2")
    if not len(data["val"]):
        output.warning("no utterance in split 'val': the last epoch is kept as the best")
    victim = build_victim(recipe.model, manifest.labels, recipe.seed, pretrained=recipe.pretrained).to(device)
    optimizer = torch.optim.Adam(victim.parameters(), lr=recipe.learning_rate)
    train = data["train"]

    def run_epoch(epoch: int, _: TrainingState) -> dict[str, Any]:
        victim.train()
        order = torch.randperm(len(train), generator=generator(recipe.seed, "order", epoch))
        losses = []
        # BatchNorm cannot learn from one utterance: a last batch of one joins the next epoch's draw.
        batches = [indices for indices in order.split(recipe.batch_size) if len(indices) > 1]
        with output.progress(f"epoch {epoch + 1}/{recipe.epochs}", len(batches)) as step:
            for indices in batches:
                waveforms, targets = train.batch(indices, device)
                loss = cross_entropy(victim(waveforms), targets)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                losses.append(loss.detach())
                step.advance()
        record: dict[str, Any] = {"loss": float(torch.stack(losses).mean())}
        if len(data["val"]):
            scores = evaluate(victim, data["val"], device)
            record |= {"val_accuracy_percent": scores["accuracy_percent"], "val_uar_percent": scores["uar_percent"]}
        return record

    header = victim_header(recipe.model, victim)
    score = f"val_{recipe.select}_percent" if len(data["val"]) else None
    epochs = reproducible(run_epoch, recipe.seed, device)
    state = fit(folder, victim, header, optimizer, recipe.epochs, epochs, output, score=score)
    last = {split: evaluate(victim, data[split], device) for split in ("val", "test") if len(data[split])}
    best = load_victim(folder, device).victim
    summary = {split: evaluate(best, data[split], device) for split in ("val", "test") if len(data[split])}
    return {
        "model": recipe.model,
        "labels": manifest.labels,
        "parameters": sum(parameter.numel() for parameter in victim.parameters()),
        "trainable_parameters": sum(parameter.numel() for parameter in victim.parameters() if parameter.requires_grad),
        "utterances": len(train),
        "epochs": recipe.epochs,
        "best_epoch": state.best_epoch,
        **summary,
        "last": last,
    }
