"""What a threat model tells a generator of an utterance: its prediction, and the direction in which it changes fastest."""

from __future__ import annotations

from tempfile import TemporaryFile

import numpy as np
import torch
from torch import Tensor, nn

from staa_cli.audio.sparsity import in_units, share_of, steepest
from staa_cli.generator.recipe import TrainGeneratorRecipe
from staa_cli.metrics.margin import margin
from staa_cli.runtime.errors import UsageError
from staa_cli.runtime.parallel import ALONE, World


def look(
    victim: nn.Module, waveforms: Tensor, epsilon: Tensor, percent: float, targets: Tensor | None = None, *, looks: int = 1
) -> tuple[Tensor, Tensor]:
    """A forward and a backward pass for each look. The first one is at x, the others where the gradients so far lead.

    So momentum Frank-Wolfe goes (J. Chen, D. Zhou, J. Yi, Q. Gu, AAAI 2020). One gradient at x holds for small steps only, and follows
    what is peculiar to this model; the sum of several points much further, also for other models.

    Args:
        victim: `(B, T)` → logits `(B, K)`; frozen.
        waveforms: `(B, T)` x.
        epsilon: `(B, 1)`.
        percent: of the samples, which the looks after the first may move.
        targets: `(B,)` the classes to reach; by default the prediction is to be left.

    Returns:
        `(B,)` the predictions for x, and `(B, T)` the sum of the ∇ₓ of the margin that is to grow, each divided by its mean size.

    Raises:
        UsageError: the victim has no gradients.
    """
    total, predictions = torch.zeros_like(waveforms), None
    k, dense = share_of(waveforms, percent), torch.zeros_like(epsilon)
    for number in range(looks):
        point = steepest(waveforms, total, epsilon, k, dense) if number else waveforms
        leaf, logits = view(victim, point)
        if predictions is None:
            predictions = logits.argmax(dim=1)
        total += slope(leaf, logits, predictions if targets is None else targets, targeted=targets is not None)
    assert predictions is not None
    return predictions, total


def view(victim: nn.Module, point: Tensor) -> tuple[Tensor, Tensor]:
    """The first half of a look, a forward pass at `(B, T)`. Returns: the leaf, and `(B, K)` logits with their graph to it."""
    with torch.enable_grad():
        leaf = point.detach().requires_grad_()
        return leaf, victim(leaf)


def slope(leaf: Tensor, logits: Tensor, reference: Tensor, *, targeted: bool) -> Tensor:
    """The second half, a backward pass.

    Args:
        leaf, logits: what `view` returns.
        reference: `(B,)` the class to leave; or to reach, where `targeted`.

    Returns:
        `(B, T)` the gradient of the margin that is to grow, divided by its mean size.

    Raises:
        UsageError: the victim has no gradients.
    """
    if not logits.requires_grad:
        raise UsageError("the threat model gives no gradients to guide the generator")
    with torch.enable_grad():
        wish = margin(logits, reference, targeted).sum()
    return in_units(torch.autograd.grad(wish, leaf)[0])


class Guides:
    """The gradients of a training's utterances, each computed once: in a file without a name, so that memory does not grow with the corpus.

    They look at the recipe's default sparsity, whatever a step asks for: the direction hardly depends on it.

    Args:
        victim: as for `look`.
        count: N utterances.
        samples: T.
    """

    def __init__(self, victim: nn.Module, recipe: TrainGeneratorRecipe, count: int, samples: int) -> None:
        self.victim, self.looks = victim, recipe.looks
        self.percent = recipe.sparsity.default if recipe.sparsity else 100.0
        with TemporaryFile() as file:
            self.kept = torch.from_numpy(np.memmap(file, np.float32, "w+", shape=(count, samples)))
        self.known = torch.zeros(count, dtype=torch.bool)

    def __call__(self, rows: Tensor, waveforms: Tensor, epsilon: Tensor, targets: Tensor | None, world: World = ALONE) -> Tensor:
        """∇ₓ, `(B, T)`. With targets, which change from step to step, it is computed anew.

        Args:
            rows: the utterances' numbers, on the CPU: `(B,)`, of a batch that processes share the whole batch's.
            world: the processes that share the batch. Each keeps what any of them found, as every epoch deals out the utterances anew.
        """
        if targets is None and bool(self.known[rows].all()):
            return self.kept[world.part(rows)].to(waveforms)
        gradient = look(self.victim, waveforms, epsilon, self.percent, targets, looks=self.looks)[1]
        if targets is None:
            self.kept[rows], self.known[rows] = world.whole(gradient, len(rows)).to(self.kept), True
        return gradient
