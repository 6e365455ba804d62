"""One epoch of training STAA-Net (sections 3.2.4, 3.3 and 4.3 of the paper)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import cos, log, pi

import torch
from torch import Tensor

from staa_cli.generator.hear import hear
from staa_cli.generator.losses import adversarial_loss, paper_losses
from staa_cli.generator.pupils import Pupils
from staa_cli.generator.recipe import TrainGeneratorRecipe
from staa_cli.generator.staa_net import Perturbed, Request, STAANet
from staa_cli.metrics.margin import reached
from staa_cli.runtime.parallel import ALONE, World
from staa_cli.runtime.seeds import generator as random_stream
from staa_cli.victims.augment import draw_keys
from staa_cli.victims.checkpoint import LoadedVictim

LONGEST = 1.0
"""The highest norm of a threat model's gradient, where there are several. At its full length that of a log-Mel victim is several times that
of a victim of waveforms, and alone decides what is learnt."""


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


def gradients(network: torch.nn.Module, losses: Sequence[Tensor], longest: float | None, world: World) -> None:
    """Set the gradients of `network` to the mean of those of the losses.

    Args:
        losses: what this process adds to each of them.
        longest: the norm that each loss's gradient may have; None: any.
        world: the processes whose parts are added up before.
    """
    parameters = list(network.parameters())
    found = []
    for number, loss in enumerate(losses, start=1):
        network.zero_grad()
        loss.backward(retain_graph=number < len(losses))
        world.sum_gradients(parameters)
        if longest is not None:
            torch.nn.utils.clip_grad_norm_(parameters, longest)
        found.append([parameter.grad for parameter in parameters])
    if len(found) == 1:
        return
    for parameter, *each in zip(parameters, *found, strict=True):
        held = [gradient for gradient in each if gradient is not None]
        parameter.grad = torch.stack(held).mean(dim=0) if held else None


class GeneratorEpochs:
    """Trains a generator epoch by epoch on utterances that stay the same.

    All that is drawn depends on the recipe's seed and the epoch's number only. It is drawn for whole batches.

    Args:
        threats: the first one is that of `pupils`.
        clean: `(N,)` each one's predictions for the pupils, on the CPU.
        files: the name of each utterance in `pupils`, for the draws of its augmentation.
        world: the processes that share each batch.
    """

    def __init__(
        self,
        network: STAANet,
        optimizer: torch.optim.Optimizer,
        threats: Sequence[LoadedVictim],
        pupils: Pupils,
        clean: Sequence[Tensor],
        files: Sequence[str],
        device: torch.device,
        world: World = ALONE,
    ) -> None:
        self.network, self.optimizer, self.recipe = network, optimizer, network.recipe
        self.threats, self.pupils, self.clean, self.files = threats, pupils, clean, files
        self.device, self.world = device, world

    @property
    def steps(self) -> int:
        """Of the optimiser in an epoch."""
        return -(-len(self.files) // self.recipe.batch_size)

    def run(self, epoch: int, advance: Callable[[], None] = lambda: None) -> dict[str, float]:
        """Train for one epoch, counted from 0.

        Args:
            advance: called after each step of the optimiser.

        Returns:
            The mean loss of the steps, and in percent how many utterances fooled the threat model that was asked last.
        """
        self.network.train()
        recipe, count = self.recipe, len(self.files)
        batches = torch.randperm(count, generator=random_stream(recipe.seed, "order", epoch)).split(recipe.batch_size)
        judges = torch.randint(len(self.threats), (len(batches),), generator=random_stream(recipe.seed, "pool", epoch)).tolist()
        keys = draw_keys(recipe.seed, epoch, self.files)
        random = random_stream(recipe.seed, "gate", epoch, device=self.device)
        losses, fooled = [], []
        for number, (indices, judge) in enumerate(zip(batches, judges, strict=True)):
            for group in self.optimizer.param_groups:
                group["lr"] = recipe.learning_rate * pace(recipe, epoch, (epoch + number / len(batches)) / recipe.epochs)
            chosen = range(len(self.threats)) if recipe.pool == "all" else [judge]
            terms, successes = self.losses(indices, keys, chosen, random)
            gradients(self.network, terms, LONGEST if len(self.threats) > 1 else None, self.world)
            self.optimizer.step()
            losses.append(torch.stack(terms).detach().mean())
            fooled.append(successes)
            advance()
        share = float(self.world.sum(torch.stack(fooled)).sum() / count)
        return {"loss": float(self.world.sum(torch.stack(losses)).mean()), "train_asr_percent": 100 * share}

    def losses(self, indices: Tensor, keys: Tensor, judges: Sequence[int], random: torch.Generator) -> tuple[list[Tensor], Tensor]:
        """What this process's part of a batch adds to the batch's loss on each judge, and to the number of its successes.

        Args:
            indices: `(B,)` into the pupils, of the whole batch.
            keys: `(N,)` of all pupils.
            judges: which threat models are to be fooled.
            random: draws the same in every process.
        """
        recipe, crew = self.recipe, self.world.crew(indices)
        own = crew.part(indices)
        waveforms, truth = self.pupils.audio.batch(own, self.device)
        asked = draw(recipe, self.clean[0][indices].to(self.device), self.network.classes, random).part(crew)
        draws = self.network.draws(len(indices), waveforms.shape[1], random)
        asked = self.pupils.guided(self.network, indices, waveforms, asked, crew)
        perturbed: Perturbed = self.network(waveforms, asked, None if draws is None else crew.part(draws))
        heard = perturbed.adversarial
        if recipe.augment is not None:
            # What fools a model through shift and noise fools other models, too (input diversity, C. Xie et al., CVPR 2019).
            heard = hear(heard, keys[own].to(self.device), recipe.augment)
        terms, targeted = [], asked.targets is not None
        for judge in judges:
            logits = self.threats[judge](heard)
            reference = truth if recipe.reference == "label" else self.clean[judge][own].to(self.device)
            reference = reference if asked.targets is None else asked.targets
            terms.append(adversarial_loss(logits, reference, recipe.confidence, targeted=targeted).mean())
        if recipe.threshold is not None:
            further = paper_losses(perturbed, recipe.threshold, crew)
            terms = [term + further for term in terms]
        successes = reached(logits.detach(), reference, targeted).double().sum()
        copies = self.world.size / crew.size
        return [term * (len(own) / len(indices) / copies) for term in terms], successes / copies
