"""Which utterances an epoch takes, in which order, and what their losses weigh."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from staa_cli.runtime.seeds import generator


def draw_order(targets: Tensor, sampling: Literal["shuffle", "balanced"], seed: int, epoch: int) -> Tensor:
    """Indices of the utterances of one epoch, `(N,)` int64, which depend on seed and epoch only.

    Args:
        targets: `(N,)` int64 classes of the training utterances.
        sampling: `shuffle` takes each once; `balanced` draws N with replacement, each class that occurs as often as every other.
    """
    draws = generator(seed, "order", epoch)
    if sampling == "shuffle":
        return torch.randperm(len(targets), generator=draws)
    return torch.multinomial(balanced_weights(targets, int(targets.max()) + 1)[targets], len(targets), replacement=True, generator=draws)


def balanced_weights(targets: Tensor, classes: int) -> Tensor:
    """N / (K · N_k) for each class k, `(classes,)` float32, K counting the classes that occur; 0 for a class without utterances.

    Over all utterances these weights average to 1, so that the learning rate keeps its meaning.
    """
    counts = torch.bincount(targets, minlength=classes)
    weights = len(targets) / (counts.count_nonzero() * counts.clamp(min=1))
    return torch.where(counts > 0, weights, 0.0)


def group_batches(order: Tensor, batch_size: int, accumulate: int) -> list[list[Tensor]]:
    """The batches of each step of the optimiser. BatchNorm cannot learn from one utterance: a last batch of one is left out."""
    batches = [indices for indices in order.split(batch_size) if len(indices) > 1]
    return [batches[start : start + accumulate] for start in range(0, len(batches), accumulate)]
