"""One epoch of training a victim."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from staa_cli.corpora.tensors import LabelledAudio
from staa_cli.runtime.batch_norm import share_batch_norm
from staa_cli.runtime.parallel import ALONE, World
from staa_cli.victims.augment import augment, draw_keys
from staa_cli.victims.base import Victim
from staa_cli.victims.recipe import TrainVictimRecipe
from staa_cli.victims.sampling import balanced_weights, draw_order, group_batches


class Epochs:
    """Trains a victim epoch by epoch on utterances that stay the same.

    All that is drawn depends on the recipe's seed and the epoch's number only.

    Args:
        files: the name of each utterance in `audio`, for the draws of its augmentation.
        world: the processes that share each batch.
    """

    def __init__(
        self,
        victim: Victim,
        optimizer: torch.optim.Optimizer,
        audio: LabelledAudio,
        files: Sequence[str],
        recipe: TrainVictimRecipe,
        device: torch.device,
        world: World = ALONE,
    ) -> None:
        self.norms = share_batch_norm(victim) if world.size > 1 else []
        self.victim, self.optimizer, self.audio, self.files = victim, optimizer, audio, files
        self.recipe, self.device, self.world = recipe, device, world
        balanced = recipe.class_weights == "balanced"
        self.weights = balanced_weights(audio.targets, len(victim.labels)) if balanced else None
        self.device_weights = None if self.weights is None else self.weights.to(device)

    def steps(self, epoch: int) -> list[list[Tensor]]:
        """For each step of the optimiser, its batches of indices into the audio."""
        recipe = self.recipe
        order = draw_order(self.audio.targets, recipe.sampling, recipe.seed, epoch)
        return group_batches(order, recipe.batch_size, recipe.accumulate)

    def run(self, epoch: int, advance: Callable[[], None] = lambda: None) -> float:
        """Train for one epoch, counted from 0.

        Args:
            advance: called after each step of the optimiser.

        Returns:
            The mean loss of the steps.
        """
        self.victim.train()
        steps = self.steps(epoch)
        order = torch.cat([indices for group in steps for indices in group])
        keys = order
        if self.recipe.augment is not None:
            keys = draw_keys(self.recipe.seed, epoch, [self.files[index] for index in order.tolist()])
        losses, drawn = [], 0
        for group in steps:
            self.optimizer.zero_grad()
            loss = torch.zeros((), device=self.device)
            total = sum(self.mass(indices) for indices in group)
            for indices in group:
                crew = self.world.crew(indices)
                own = crew.part(indices)
                for norm in self.norms:
                    norm.shared = crew.size > 1
                share = self.mass(own) / total * crew.size / self.world.size
                part = self.loss(own, crew.part(keys[drawn : drawn + len(indices)])) * share
                part.backward()
                loss += part.detach()
                drawn += len(indices)
            self.world.sum_gradients(self.victim.parameters())
            self.optimizer.step()
            losses.append(loss)
            advance()
        return float(self.world.sum(torch.stack(losses)).mean())

    def mass(self, indices: Tensor) -> float:
        """What a batch weighs in the mean over a step."""
        return len(indices) if self.weights is None else float(self.weights[self.audio.targets[indices]].sum())

    def loss(self, indices: Tensor, keys: Tensor) -> Tensor:
        """The mean cross-entropy over a batch."""
        waveforms, targets = self.audio.batch(indices, self.device)
        if self.recipe.augment is not None:
            waveforms = augment(waveforms, keys.to(self.device), self.recipe.augment)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.recipe.precision == "bfloat16"):
            logits = self.victim(waveforms)
        return cross_entropy(logits.float(), targets, self.device_weights)
