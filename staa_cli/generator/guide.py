"""What a threat model tells a generator of an utterance: its prediction, and the direction in which it changes fastest."""

from __future__ import annotations

from tempfile import TemporaryFile

import numpy as np
import torch
from torch import Tensor, nn

from staa_cli.metrics.margin import margin
from staa_cli.runtime.errors import UsageError
from staa_cli.victims.augment import normal

NOISE = 16
"""The first stream of a key for the copies' noise; augmentation has those below."""


def look(
    victim: nn.Module, waveforms: Tensor, epsilon: Tensor, keys: Tensor, targets: Tensor | None = None, *, copies: int = 1
) -> tuple[Tensor, Tensor]:
    """A forward and a backward pass, as FGSM makes them; and as many more as there are further copies.

    The gradient at one point follows what is peculiar to this model. Averaged over noise of the size of the attack itself it is what
    other models share (D. Smilkov et al., "SmoothGrad", 2017; L. Wu, Z. Zhu, "Towards Understanding and Improving the Transferability of
    Adversarial Examples in Deep Neural Networks", ACML 2020).

    Args:
        victim: `(B, T)` → logits `(B, K)`; frozen.
        waveforms: `(B, T)` x.
        epsilon: `(B, 1)` the noise's standard deviation.
        keys: `(B,)` int64, all that the noise depends on.
        targets: `(B,)` the classes to reach; by default the prediction is to be left.
        copies: the first one is x itself, the others have noise.

    Returns:
        `(B,)` the predictions for x, and `(B, T)` the mean ∇ₓ of the margin that is to grow.

    Raises:
        UsageError: the victim has no gradients.
    """
    total, predictions = torch.zeros_like(waveforms), None
    with torch.enable_grad():
        for copy in range(copies):
            noise = normal(keys, NOISE + copy, waveforms.shape[1]) * epsilon if copy else 0
            leaf = (waveforms + noise).detach().requires_grad_()
            logits = victim(leaf)
            if not logits.requires_grad:
                raise UsageError("the threat model gives no gradients to guide the generator")
            predictions = logits.argmax(dim=1) if predictions is None else predictions
            wish = margin(logits, predictions if targets is None else targets, targeted=targets is not None)
            total += torch.autograd.grad(wish.sum(), leaf)[0]
    assert predictions is not None
    return predictions, total / copies


class Guides:
    """The gradients of a training's utterances, each computed once: in a file without a name, so that memory does not grow with the corpus.

    Args:
        victim: as for `look`.
        keys: `(N,)` int64 of all utterances.
        samples: T.
    """

    def __init__(self, victim: nn.Module, keys: Tensor, samples: int, copies: int) -> None:
        self.victim, self.keys, self.copies = victim, keys, copies
        with TemporaryFile() as file:
            self.kept = torch.from_numpy(np.memmap(file, np.float32, "w+", shape=(len(keys), samples)))
        self.known = torch.zeros(len(keys), dtype=torch.bool)

    def __call__(self, rows: Tensor, waveforms: Tensor, epsilon: Tensor, targets: Tensor | None) -> Tensor:
        """∇ₓ, `(B, T)`. With targets, which change from step to step, it is computed anew.

        Args:
            rows: `(B,)` the utterances' numbers, on the CPU.
        """
        if targets is None and bool(self.known[rows].all()):
            return self.kept[rows].to(waveforms.device)
        keys = self.keys[rows].to(waveforms.device)
        gradient = look(self.victim, waveforms, epsilon, keys, targets, copies=self.copies)[1]
        if targets is None:
            self.kept[rows], self.known[rows] = gradient.cpu(), True
        return gradient
