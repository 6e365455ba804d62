"""Training STAA-Net against threat models (sections 3.2.4, 3.3 and 4.3 of the paper)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import cos, log, pi
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor

from staa_cli.corpora.manifest import Manifest, Row
from staa_cli.corpora.tensors import LabelledAudio, load_audio
from staa_cli.generator.checkpoint import build_generator, copy_threat, generator_header, load_generator
from staa_cli.generator.guide import Guides
from staa_cli.generator.hear import hear
from staa_cli.generator.losses import adversarial_loss, paper_losses
from staa_cli.generator.recipe import TrainGeneratorRecipe
from staa_cli.generator.staa_net import Request, STAANet
from staa_cli.metrics.margin import reached
from staa_cli.metrics.perturbation import sparsity_percent
from staa_cli.runtime.errors import UsageError
from staa_cli.runtime.listener import Listener, Step
from staa_cli.runtime.seeds import generator as random_stream
from staa_cli.runtime.training import fit
from staa_cli.victims.augment import draw_keys
from staa_cli.victims.checkpoint import LoadedVictim
from staa_cli.victims.training import predict


def draw(recipe: TrainGeneratorRecipe, predictions: Tensor, classes: int, random: torch.Generator) -> Request:
    """What a training step asks for, drawn for every utterance: sparsity, peak SNR, and a class other than the clean one."""

    def uniform(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(len(predictions), generator=random, device=random.device)

    percent = snr = targets = None
    if recipe.sparsity is not None:
        low, high = recipe.sparsity.trained
        percent = uniform(log(low), log(high)).exp()
    if recipe.trained_snr is not None:
        snr = uniform(*recipe.trained_snr)
    if recipe.target is not None:
        steps = torch.randint(1, classes, predictions.shape, generator=random, device=random.device)
        targets = (predictions + steps) % classes
    return Request(percent, snr, predictions, targets)


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


@dataclass
class Pupils:
    """Utterances with what the first threat model says of them.

    Attributes:
        clean: `(N,)` its predictions, on the CPU.
        guides: its gradients, where the recipe wants them.
    """

    audio: LabelledAudio
    clean: Tensor
    guides: Guides | None

    @classmethod
    def of(cls, recipe: TrainGeneratorRecipe, threat: LoadedVictim, manifest: Manifest, rows: Sequence[Row], device: torch.device) -> Self:
        audio = load_audio(manifest, rows)
        guides = Guides(threat.victim, recipe, len(rows), audio.samples) if recipe.guide == "gradient" else None
        return cls(audio, predict(threat.victim, audio, device), guides)

    def guided(self, network: STAANet, rows: Tensor, waveforms: Tensor, asked: Request) -> Request:
        """The request, with the gradient where there is one."""
        if self.guides is None:
            return asked
        return replace(asked, gradient=self.guides(rows, waveforms, network.epsilon(waveforms, asked), asked.targets))


@torch.no_grad()
def evaluate(network: STAANet, threat: LoadedVictim, pupils: Pupils, device: torch.device) -> dict[str, float]:
    """Success on the threat model and mean sparsity, in percent."""
    network.eval()
    success, density = [], []
    for rows in torch.arange(len(pupils.audio)).split(16):
        waveforms, predictions = pupils.audio.batch(rows, device)[0], pupils.clean[rows].to(device)
        asked = fixed(network.recipe, predictions, rows, network.classes)
        perturbed = network(waveforms, pupils.guided(network, rows, waveforms, asked))
        wanted = predictions if asked.targets is None else asked.targets
        success.append(reached(threat(perturbed.adversarial), wanted, asked.targets is not None))
        density.append(sparsity_percent(perturbed.adversarial - waveforms))
    return {"asr_percent": 100 * float(torch.cat(success).double().mean()), "sparsity_percent": float(torch.cat(density).mean())}


def pace(recipe: TrainGeneratorRecipe, epoch: int, progress: float) -> float:
    """The learning rate as a share of the recipe's.

    Args:
        epoch: from 0.
        progress: of the whole training, from 0 to 1.
    """
    if recipe.decay is not None:
        return recipe.decay.factor ** (epoch // recipe.decay.every)
    # One cycle (L. Smith, N. Topin, 2019), in cosines: up from a 25th in the first three tenths, then down to nothing.
    if progress < 0.3:
        return 1 - 0.96 * (1 + cos(pi * progress / 0.3)) / 2
    return (1 + cos(pi * (progress - 0.3) / 0.7)) / 2


def train_generator(
    recipe: TrainGeneratorRecipe,
    manifest: Manifest,
    threats: Sequence[LoadedVictim],
    folder: Path,
    device: torch.device,
    listener: Listener,
) -> dict[str, Any]:
    """Train a generator into `folder`.

    Args:
        threats: the threat models; the first one guides, and is the one that the success rates are of.

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
    train, val = (Pupils.of(recipe, first, manifest, part, device) for part in (rows, manifest.split("val")))
    clean = [train.clean, *(predict(threat.victim, train.audio, device) for threat in threats[1:])]
    copy_threat(first, folder)
    network = build_generator(recipe, len(labels)).to(device)
    optimizer = torch.optim.Adam(network.parameters(), lr=recipe.learning_rate)

    def run_epoch(epoch: int, step: Step) -> dict[str, Any]:
        network.train()
        batches = torch.randperm(len(rows), generator=random_stream(recipe.seed, "order", epoch)).split(recipe.batch_size)
        drawn = torch.randint(len(threats), (len(batches),), generator=random_stream(recipe.seed, "pool", epoch)).tolist()
        keys = draw_keys(recipe.seed, epoch, [row.file for row in rows])
        draws = random_stream(recipe.seed, "gate", epoch, device=device)
        losses, successes = [], []
        for number, indices in enumerate(batches):
            for group in optimizer.param_groups:
                group["lr"] = recipe.learning_rate * pace(recipe, epoch, (epoch + number / len(batches)) / recipe.epochs)
            waveforms, truth = train.audio.batch(indices, device)
            predictions = clean[0][indices].to(device)
            asked = draw(recipe, predictions, len(labels), draws)
            perturbed = network(waveforms, train.guided(network, indices, waveforms, asked), draws)
            heard = perturbed.adversarial
            if recipe.augment is not None:
                # What fools a model through shift and noise fools other models, too (input diversity, C. Xie et al., CVPR 2019).
                heard = hear(heard, keys[indices].to(device), recipe.augment)
            terms, targeted = [], asked.targets is not None
            for judge in range(len(threats)) if recipe.pool == "all" else [drawn[number]]:
                logits = threats[judge](heard)
                reference = truth if recipe.reference == "label" else clean[judge][indices].to(device)
                reference = reference if asked.targets is None else asked.targets
                terms.append(adversarial_loss(logits, reference, recipe.confidence, targeted=targeted).mean())
            loss = torch.stack(terms).mean()
            if recipe.threshold is not None:
                loss = loss + paper_losses(perturbed, recipe.threshold)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.detach())
            successes.append(reached(logits.detach(), reference, targeted))
            step.advance()
        record: dict[str, Any] = {
            "loss": float(torch.stack(losses).mean()),
            "train_asr_percent": float(100 * torch.cat(successes).double().mean()),
        }
        if len(val.audio):
            record |= {f"val_{name}": value for name, value in evaluate(network, first, val, device).items()}
        return record

    # The last epoch is kept, as in the paper: nothing is chosen, on whatever split.
    steps = -(-len(rows) // recipe.batch_size)
    state = fit(folder, network, generator_header(recipe, threats), optimizer, recipe.epochs, run_epoch, listener, steps=steps)
    network = load_generator(folder, device).network
    return {
        "size": recipe.size,
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "threat_model": first.model,
        **({"threat_models": [threat.model for threat in threats]} if len(threats) > 1 else {}),
        "utterances": len(rows),
        "epochs": recipe.epochs,
        "best_epoch": state.best_epoch,
        "train": evaluate(network, first, train, device),
        **({"val": evaluate(network, first, val, device)} if len(val.audio) else {}),
    }
