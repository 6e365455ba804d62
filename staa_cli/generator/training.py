"""Training STAA-Net against a threat model (sections 3.2.4, 3.3 and 4.3 of the paper)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from staa_cli.corpora.manifest import Manifest
from staa_cli.corpora.tensors import LabelledAudio, load_audio
from staa_cli.generator.checkpoint import build_generator, copy_threat, generator_header, load_generator
from staa_cli.generator.losses import adversarial_loss, magnitude_loss, quantisation_loss, sparsity_loss
from staa_cli.generator.recipe import AdaptiveSparsity, TrainGeneratorRecipe
from staa_cli.metrics.classification import asr_percent
from staa_cli.metrics.perturbation import sparsity_percent
from staa_cli.runtime.checkpoints import TrainingState
from staa_cli.runtime.errors import UsageError
from staa_cli.runtime.listener import Listener
from staa_cli.runtime.seeds import generator as random_stream
from staa_cli.runtime.training import fit
from staa_cli.victims.augment import augment, draw_keys
from staa_cli.victims.checkpoint import LoadedVictim
from staa_cli.victims.training import predict


class SparsityWeight:
    """λs, fixed or following the success rate of the last steps (ours; see the recipe key `adaptive_sparsity`).

    All arithmetic stays on the device: no step waits for the host.
    """

    MEMORY = 0.95

    def __init__(self, start: float, follow: AdaptiveSparsity | None, state: TrainingState, device: torch.device) -> None:
        self.follow = follow
        self.value = torch.tensor(state.extra.get("sparsity_weight", start), dtype=torch.float64, device=device)
        self.success = torch.tensor(state.extra.get("success_rate", 0.0), dtype=torch.float64, device=device)

    def update(self, success: Tensor, pace: float) -> None:
        """Take in a step's success, `(B,)` booleans. `pace`: how fast the network learns now, as a share of its first learning rate."""
        if self.follow is None:
            return
        self.success = self.MEMORY * self.success + (1 - self.MEMORY) * success.double().mean()
        # In proportion to the distance from the target: a weight that always moves at full speed swings around it without end.
        excess = ((self.success - self.follow.target) / (1 - self.follow.target)).clamp(-1, 1)
        self.value = (self.value * self.follow.rate ** (pace * excess)).clamp(self.follow.smallest, self.follow.largest)

    def share(self, success: Tensor) -> Tensor | None:
        """Which utterances of a step the sparsity loss counts, `(B,)`; None for all."""
        return success.float() if self.follow is not None and self.follow.fooled_only else None

    def export(self, state: TrainingState) -> None:
        state.extra |= {"sparsity_weight": float(self.value), "success_rate": float(self.success)}


@torch.no_grad()
def evaluate(network: nn.Module, threat: LoadedVictim, audio: LabelledAudio, clean: Tensor, device: torch.device) -> dict[str, float]:
    """ASR of a `STAANet` on the threat model and mean sparsity, in percent. `clean`: `(N,)` its clean predictions on the CPU."""
    network.eval()
    adversarial, density = [], []
    for indices in torch.arange(len(audio)).split(16):
        waveforms, _ = audio.batch(indices, device)
        perturbed = network(waveforms, clean[indices].to(device))
        adversarial.append(threat.victim(perturbed.adversarial).argmax(dim=1))
        density.append(sparsity_percent(perturbed.adversarial - waveforms))
    return {
        "asr_percent": asr_percent(clean, torch.cat(adversarial).cpu()) or 0.0,
        "sparsity_percent": float(torch.cat(density).mean()),
    }


def merit(asr_percent: float, sparsity_percent: float, target_percent: float) -> float:
    """What makes an epoch the best under a sparsity weight that follows the success rate, which leaves neither where it was.

    The sparsest of the epochs that reach the target on val; before any does, the most successful one.
    """
    return asr_percent if asr_percent < target_percent else 200 - sparsity_percent


def train_generator(
    recipe: TrainGeneratorRecipe,
    manifest: Manifest,
    threat: LoadedVictim,
    folder: Path,
    device: torch.device,
    listener: Listener,
) -> dict[str, Any]:
    """Train a generator into `folder`.

    Returns:
        The summary for `metrics.json`.

    Raises:
        UsageError: no training utterances, or the threat model does not know the corpus's emotions.
    """
    if recipe.reference == "label" and manifest.labels != threat.labels:
        raise UsageError(
            f"'reference: label' needs a threat model trained on this corpus: it knows {threat.labels}, the corpus has {manifest.labels}"
        )
    rows = manifest.split(*recipe.train_on.split("+"))
    train = load_audio(manifest, rows)
    val = load_audio(manifest, manifest.split("val"))
    if not len(train):
        raise UsageError(f"{manifest.folder} has no utterance in split '{recipe.train_on}'")
    clean, clean_val = predict(threat.victim, train, device), predict(threat.victim, val, device)
    copy_threat(threat, folder)
    network = build_generator(recipe, len(threat.labels)).to(device)
    optimizer = torch.optim.Adam(network.parameters(), lr=recipe.learning_rate)
    average = None if recipe.average is None else AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(recipe.average))
    judged = network if average is None else average.module
    weights = recipe.weights

    def run_epoch(epoch: int, state: TrainingState) -> dict[str, Any]:
        network.train()
        pace = recipe.decay.factor ** (epoch // recipe.decay.every) if recipe.decay else 1.0
        for group in optimizer.param_groups:
            group["lr"] = recipe.learning_rate * pace
        batches = torch.randperm(len(train), generator=random_stream(recipe.seed, "order", epoch)).split(recipe.batch_size)
        keys = draw_keys(recipe.seed, epoch, [row.file for row in rows])
        draws = random_stream(recipe.seed, "gate", epoch, device=device)
        sparsity_weight = SparsityWeight(weights.sparsity, recipe.adaptive_sparsity, state, device)
        losses, successes = [], []
        with listener.progress(f"epoch {epoch + 1}/{recipe.epochs}", len(batches)) as step:
            for indices in batches:
                waveforms, targets = train.batch(indices, device)
                predictions = clean[indices].to(device)
                perturbed = network(waveforms, predictions, draws)
                heard = perturbed.adversarial
                if recipe.augment is not None:
                    # What fools a model through shift and noise fools other models, too (input diversity, C. Xie et al., CVPR 2019).
                    heard = augment(heard, keys[indices].to(device), recipe.augment)
                logits = threat.victim(heard)
                success = logits.argmax(dim=1) != predictions
                reference = predictions if recipe.reference == "prediction" else targets
                loss = (
                    adversarial_loss(logits, reference, recipe.confidence).mean()
                    + weights.magnitude * magnitude_loss(perturbed, recipe.norms)
                    + sparsity_weight.value.float()
                    * sparsity_loss(perturbed, recipe.norms, recipe.factorise, sparsity_weight.share(success))
                    + weights.quantisation * quantisation_loss(perturbed, recipe.norms)
                )
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                if average is not None:
                    average.update_parameters(network)
                sparsity_weight.update(success, pace)
                losses.append(loss.detach())
                successes.append(success)
                step.advance()
        sparsity_weight.export(state)
        record: dict[str, Any] = {
            "loss": float(torch.stack(losses).mean()),
            "train_asr_percent": float(100 * torch.cat(successes).double().mean()),
            "sparsity_weight": float(sparsity_weight.value),
        }
        if len(val):
            record |= {f"val_{name}": value for name, value in evaluate(judged, threat, val, clean_val, device).items()}
            if recipe.adaptive_sparsity is not None:
                record["merit"] = merit(record["val_asr_percent"], record["val_sparsity_percent"], 100 * recipe.adaptive_sparsity.target)
        return record

    # Choosing an epoch on what was trained on is no choice.
    chosen = recipe.adaptive_sparsity is not None and len(val) and "val" not in recipe.train_on.split("+")
    score = "merit" if chosen else None
    header = generator_header(recipe, threat)
    state = fit(folder, network, header, optimizer, recipe.epochs, run_epoch, listener, score=score, average=average)
    network = load_generator(folder, device).network
    return {
        "size": recipe.size,
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "threat_model": threat.model,
        "utterances": len(train),
        "epochs": recipe.epochs,
        "best_epoch": state.best_epoch,
        "train": evaluate(network, threat, train, clean, device),
        **({"val": evaluate(network, threat, val, clean_val, device)} if len(val) else {}),
    }
